package bolt_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/passport-go/passport/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStoreKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		s, err := bolt.Open(filepath.Join(t.TempDir(), "sessions.db"), bolt.Options{Now: now})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		return s
	})
}

func TestARecordThatIsOwedAlreadyIsNotOwedTwice(t *testing.T) {
	clock := newClock()
	s := open(t, tempPath(t), bolt.Options{Now: clock.Now})
	r := save(t, s, record("a", clock.Now()))
	other := record("b", clock.Now())
	other.Subject = r.Subject
	other = save(t, s, other)
	revocation, err := s.Enqueue(t.Context(), r, time.Minute)
	require.NoError(t, err)

	_, err = s.DeleteAndEnqueue(t.Context(), r.ID, time.Minute)
	assert.ErrorIs(t, err, storage.ErrConflict)
	_, err = s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: r.Subject}, time.Minute)
	assert.ErrorIs(t, err, storage.ErrConflict)
	assertStored(t, s, r)
	assertStored(t, s, other)
	assert.NoError(t, s.Complete(t.Context(), revocation))
}
