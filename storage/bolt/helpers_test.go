package bolt_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func tempPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "sessions.db")
}

func open(t testing.TB, path string, opts bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// openUnsynced returns a store that leaves out fsync, and the database it is in,
// for tests of many writes in which nothing is cut off.
func openUnsynced(t testing.TB, path string, opts bolt.Options) (*bbolt.DB, *bolt.Store) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		NoSync: true, NoGrowSync: true, NoStatistics: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	s, err := bolt.New(db, opts)
	require.NoError(t, err)
	return db, s
}

// record returns one to be created, that lives for an hour.
func record(id string, now time.Time) storage.Record {
	return storage.Record{
		ID:      id,
		Subject: "subject of " + id,
		SID:     "sid of " + id,
		Expiry:  now.Add(time.Hour),
		Data:    []byte("data of " + id),
	}
}

func save(t testing.TB, s *bolt.Store, r storage.Record) storage.Record {
	t.Helper()
	saved, err := s.Save(t.Context(), r)
	require.NoError(t, err)
	return saved
}

func assertStored(t testing.TB, s *bolt.Store, want storage.Record) {
	t.Helper()
	got, err := s.Load(t.Context(), want.ID)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func assertAbsent(t testing.TB, s *bolt.Store, id string) {
	t.Helper()
	_, err := s.Load(t.Context(), id)
	assert.ErrorIs(t, err, storage.ErrNotFound)
}
