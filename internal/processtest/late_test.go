package processtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// A server carries out what a client has sent before it was killed, maybe later than
// the next start of the program looks at the queue for the first time: here, when a
// lock is released. The session is gone by the first request, and the worker must not
// wait for its next regular look at the queue, after 30 s, to find the revocation.
func TestARevocationThatComesAfterTheFirstLookAtTheQueueIsSoonSeen(t *testing.T) {
	address := addresses(t)["postgres"]
	auth := authDomain(t, 0)
	session := signIn(t, auth, address)
	release := lockRecord(t, auth, address, session)
	child := start(t, task{Kind: "logout", Store: address, Auth: auth.URL, SessionID: session})
	awaitLockedLogout(t)
	child.kill()

	late := &lateStore{looked: make(chan struct{}), between: release}
	p, closeStore, err := program(task{Store: address, Auth: auth.URL, Ahead: 2 * time.Minute}, func(s store) storage.TokenStore {
		late.store = s
		return late
	}, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, closeStore()) }()
	_, err = p.Session(t.Context(), passport.Secret(session))
	require.ErrorIs(t, err, passport.ErrNoSession)
	began := time.Now()
	require.Eventually(t, func() bool { return len(auth.RefreshTokens(passporttest.Live)) == 0 }, 10*time.Second, 10*time.Millisecond,
		"the worker looks again soon after its start")
	t.Logf("revoked %v after the session was found to be gone", time.Since(began))
	require.NoError(t, p.Close(t.Context()))
}

// lateStore has the session end after the first look at the queue and before the first
// at the session.
type lateStore struct {
	store
	looked          chan struct{}
	between         func()
	once, onceAgain sync.Once
}

func (s *lateStore) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	claimed, err := s.store.Claim(ctx, tenant, n, lease)
	s.once.Do(func() { close(s.looked) })
	return claimed, err
}

func (s *lateStore) Load(ctx context.Context, id string) (storage.Record, error) {
	s.onceAgain.Do(func() {
		<-s.looked
		s.between()
		for err := error(nil); !errors.Is(err, storage.ErrNotFound) && ctx.Err() == nil; {
			_, err = s.store.Load(ctx, id)
		}
	})
	return s.store.Load(ctx, id)
}

// lockRecord has every other transaction wait that writes a session's record.
func lockRecord(t *testing.T, auth *passporttest.Server, address, session string) (release func()) {
	t.Helper()
	p, closeStore, err := program(task{Store: address, Auth: auth.URL}, nil, nil)
	require.NoError(t, err)
	s, err := p.Session(t.Context(), passport.Secret(session))
	require.NoError(t, err)
	require.NoError(t, p.Close(t.Context()))
	require.NoError(t, closeStore())

	conn, err := pgx.Connect(t.Context(), servers.postgres.URL())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	locked, err := tx.Exec(t.Context(), "SELECT FROM passport_records WHERE id = $1 FOR UPDATE", []byte(s.ID()))
	require.NoError(t, err)
	require.EqualValues(t, 1, locked.RowsAffected())
	return func() { require.NoError(t, tx.Rollback(t.Context())) }
}

// awaitLockedLogout waits until a statement that removes a record waits for a lock.
func awaitLockedLogout(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), servers.postgres.URL())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	const sql = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%DELETE FROM%passport_records%')`
	require.Eventually(t, func() bool {
		var waits bool
		require.NoError(t, conn.QueryRow(context.Background(), sql).Scan(&waits))
		return waits
	}, 20*time.Second, 10*time.Millisecond)
}
