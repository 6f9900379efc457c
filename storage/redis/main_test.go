package redis

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// The servers that most tests share, each test under a prefix of its own. They
// are started by the first one that needs them.
var (
	sharedServer  = sync.OnceValues(func() (*server, error) { return startServer() })
	sharedCluster = sync.OnceValues(startCluster)
	toRemove      sync.Map // what TestMain ends
	prefixes      atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	toRemove.Range(func(shared, _ any) bool {
		shared.(interface{ remove() }).remove()
		return true
	})
	os.Exit(code)
}

func theServer(t testing.TB) *server {
	t.Helper()
	s, err := sharedServer()
	require.NoError(t, err)
	toRemove.Store(s, nil)
	return s
}

func theCluster(t testing.TB) *cluster {
	t.Helper()
	c, err := sharedCluster()
	require.NoError(t, err)
	toRemove.Store(c, nil)
	return c
}

func newPrefix() string { return fmt.Sprintf("test%d:", prefixes.Add(1)) }

func newStore(t testing.TB, client redis.UniversalClient, o Options) *Store {
	t.Helper()
	if o.Prefix == "" {
		o.Prefix = newPrefix()
	}
	s, err := New(client, o)
	require.NoError(t, err)
	return s
}

// clock runs, and can be moved ahead.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// newRecord returns one to be created, of alice, for the next hour.
func newRecord(id string) storage.Record {
	return storage.Record{ID: id, Subject: "alice", SID: "sid of " + id, Expiry: time.Now().Add(time.Hour), Data: []byte("data of " + id)}
}

func save(t testing.TB, s *Store, r storage.Record) storage.Record {
	t.Helper()
	saved, err := s.Save(t.Context(), r)
	require.NoError(t, err)
	return saved
}

func deleteAndEnqueue(t testing.TB, s *Store, id string) storage.Revocation {
	t.Helper()
	d, err := s.DeleteAndEnqueue(t.Context(), id, time.Minute)
	require.NoError(t, err)
	return d
}

func assertLive(t testing.TB, s *Store, want storage.Record) {
	t.Helper()
	got, err := s.Load(t.Context(), want.ID)
	require.NoError(t, err)
	assert.Equal(t, want.Expiry.UnixMilli(), got.Expiry.UnixMilli())
	got.Expiry = want.Expiry
	assert.Equal(t, want, got)
}

func assertGone(t testing.TB, s *Store, id string) {
	t.Helper()
	_, err := s.Load(t.Context(), id)
	assert.ErrorIs(t, err, storage.ErrNotFound)
}

// liveOut calls every method, with what they are for.
func liveOut(t testing.TB, s *Store, clock *clock) {
	t.Helper()
	ctx, alice := t.Context(), storage.Match{Subject: "alice"}
	assertLive(t, s, save(t, s, save(t, s, newRecord("a"))))
	save(t, s, newRecord("b"))
	save(t, s, newRecord("c"))
	save(t, s, newRecord("d"))

	listed, err := s.List(ctx, alice)
	require.NoError(t, err)
	assert.Len(t, listed, 4)
	_, err = s.Delete(ctx, "a")
	require.NoError(t, err)
	deleteAndEnqueue(t, s, "b")
	removed, err := s.DeleteMatching(ctx, storage.Match{SID: "sid of c"})
	require.NoError(t, err)
	assert.Len(t, removed, 1)
	enqueued, err := s.DeleteMatchingAndEnqueue(ctx, alice, time.Minute)
	require.NoError(t, err)
	assert.Len(t, enqueued, 1)
	_, err = s.Enqueue(ctx, newRecord("e"), time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Notify(ctx, "a", "b"))

	count, err := s.CountRevocations(ctx, "")
	require.NoError(t, err)
	assert.Equal(t, 3, count.Pending)

	clock.advance(time.Minute)
	revocations, err := s.Claim(ctx, "", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, revocations, 3)
	require.NoError(t, s.Retry(ctx, revocations[0], clock.now()))
	again, err := s.Claim(ctx, "", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, again, 1)
	assert.Equal(t, 1, again[0].Attempts)
	for _, d := range append(again, revocations[1:]...) {
		require.NoError(t, s.Complete(ctx, d))
	}
}

// eventually polls what another process does.
func eventually(t testing.TB, condition func() bool, waiting string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.Fail(t, "waited for "+waiting)
		}
	}
}
