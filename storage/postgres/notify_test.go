package postgres

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listening is a Listen that runs until the test ends it.
type listening struct {
	heard  chan string
	result chan error
	cancel context.CancelFunc
}

// listen returns once s is ready.
func listen(t *testing.T, s *Store) *listening {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &listening{heard: make(chan string, 100), result: make(chan error, 1), cancel: cancel}
	ready := make(chan struct{})
	go func() {
		l.result <- s.Listen(ctx, func() { close(ready) }, func(id string) { l.heard <- id })
	}()
	t.Cleanup(cancel)
	select {
	case <-ready:
	case err := <-l.result:
		require.FailNow(t, "Listen ended", "%v", err)
	}
	return l
}

// receive returns the next value from c, for which it waits a bounded time.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

func TestNoticesStayWithinThePrefix(t *testing.T) {
	pool := newPool(t)
	opts := Options{Prefix: freshPrefix()}
	mine, others := newStore(t, pool, opts), newStore(t, pool, Options{})
	l := listen(t, newStore(t, newPool(t), opts))
	require.NoError(t, others.Notify(t.Context(), "not mine"))
	require.NoError(t, mine.Notify(t.Context(), "a", "b\x00\xff'\"", ""))
	assert.Equal(t, "a", receive(t, l.heard))
	assert.Equal(t, "b\x00\xff'\"", receive(t, l.heard))
	assert.Empty(t, receive(t, l.heard), "the ID may be empty")
}

// A session that listens is idle for as long as nobody signs out, and the server may end
// those that are idle.
func TestAListenerOutlivesTheServersIdleTimeout(t *testing.T) {
	config := poolConfig(t, server.URL())
	config.ConnConfig.RuntimeParams["idle_session_timeout"] = "1200ms" // the pool looks after a second whether a connection is alive
	s := newStore(t, openPool(t, config), Options{})
	l := listen(t, s)
	idle, err := pgx.ConnectConfig(t.Context(), config.ConnConfig)
	require.NoError(t, err)
	_, err = idle.WaitForNotification(t.Context())
	require.ErrorContains(t, err, "57P05", "the server ends a session that is idle for as long")
	require.NoError(t, s.Notify(t.Context(), "a"))
	select {
	case heard := <-l.heard:
		assert.Equal(t, "a", heard)
	case err := <-l.result:
		require.FailNow(t, "Listen ended", "%v", err)
	}
}

// Whoever may connect to the database may send a notice on any channel.
func TestAStrangersNoticeEndsNoListener(t *testing.T) {
	pool := newPool(t)
	s := newStore(t, pool, Options{})
	l := listen(t, s)
	for _, payload := range []string{"", "?", probeMark + "0", "no base64!"} {
		execute(t, pool, `SELECT pg_notify($1, $2)`, s.names.channel, payload)
	}
	require.NoError(t, s.Notify(t.Context(), "a"))
	for heard := ""; heard != "a"; {
		select {
		case heard = <-l.heard:
		case err := <-l.result:
			require.FailNow(t, "Listen ended", "%v", err)
		case <-time.After(10 * time.Second):
			require.FailNow(t, "nothing came")
		}
	}
}

// The connection is Listen's own: it leaves the pool whole, and nothing behind.
func TestListenTakesNothingFromThePool(t *testing.T) {
	config := poolConfig(t, server.URL())
	config.MaxConns = 1
	pool := openPool(t, config)
	s := newStore(t, pool, Options{})
	l := listen(t, s)
	require.NoError(t, s.Notify(t.Context(), "a"))
	assert.Equal(t, "a", receive(t, l.heard))
	l.cancel()
	assert.ErrorIs(t, receive(t, l.result), context.Canceled)
	assert.Zero(t, pool.Stat().AcquiredConns())
	assert.Eventually(t, func() bool { return listeners(t, pool, s) == 0 }, 10*time.Second, 5*time.Millisecond)
}

// listeners counts the connections whose last statement made them listen.
func listeners(t *testing.T, pool *pgxpool.Pool, s *Store) int64 {
	return query[int64](t, pool, `SELECT count(*) FROM pg_stat_activity WHERE query = $1`,
		`LISTEN `+pgx.Identifier{s.names.channel}.Sanitize())
}

func TestListenUsesTheConnectionItIsGiven(t *testing.T) {
	pool := newPool(t)
	config, err := pgx.ParseConfig(server.URL() + "&application_name=the_listener")
	require.NoError(t, err)
	s := newStore(t, pool, Options{Listen: config})
	config.Host = "nowhere.invalid" // the store has its own copy
	listen(t, s)
	assert.Equal(t, int64(1), query[int64](t, pool, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'the_listener'`))
}

func TestListenEndsWithTheConnection(t *testing.T) {
	pool := newPool(t)
	s := newStore(t, pool, Options{})
	l := listen(t, s)
	execute(t, pool, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1`,
		`LISTEN `+pgx.Identifier{s.names.channel}.Sanitize())
	assert.ErrorContains(t, receive(t, l.result), "storage/postgres: listen: ")
}

// deadEnd is a connection that can be cut off without a word, as by a firewall
// that forgets it.
type deadEnd struct {
	net.Conn
	cut *atomic.Bool
}

func (d deadEnd) Write(b []byte) (int, error) {
	if d.cut.Load() {
		return len(b), nil
	}
	return d.Conn.Write(b)
}

func TestSilenceIsQuestioned(t *testing.T) {
	s := newStore(t, newPool(t), Options{})
	var cut atomic.Bool
	config, err := pgx.ParseConfig(server.URL())
	require.NoError(t, err)
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return deadEnd{conn, &cut}, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer hangUp(t.Context(), conn)
	heard := make(chan string, 1)
	ended := func(id string) { heard <- id }
	require.NoError(t, s.tune(t.Context(), conn, ended))

	result := make(chan error, 1)
	go func() { result <- follow(t.Context(), conn, time.Millisecond, time.Second, ended) }()
	for range 20 { // between and during the questions
		require.NoError(t, s.Notify(t.Context(), "a"))
		assert.Equal(t, "a", receive(t, heard))
	}
	cut.Store(true)
	assert.ErrorContains(t, receive(t, result), "no sign of life")
}

// Instances of two versions hear each other: the channel, and what is said on it, stay.
func TestTheNoticesStay(t *testing.T) {
	pool := newPool(t)
	s := newStore(t, pool, Options{Schema: "public", Prefix: "stay_"})
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `LISTEN "public.stay_ended"`)
	require.NoError(t, err)
	require.NoError(t, s.Notify(t.Context(), "an id"))
	notice, err := conn.Conn().WaitForNotification(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "YW4gaWQ", notice.Payload)

	l := listen(t, s)
	_, err = pool.Exec(t.Context(), `SELECT pg_notify('public.stay_ended', said) FROM unnest(ARRAY['of a later kind!', 'YW5vdGhlcg']) AS said`)
	require.NoError(t, err)
	assert.Equal(t, "another", receive(t, l.heard))
}
