package bolt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const users = 150

// fillAtRandom fills a store with sessions whose places in the file have nothing
// to do with each other, as many for each of its users.
func fillAtRandom(t *testing.T) (*Store, []storage.Record) {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "sessions.db"), Options{MaxSize: 16 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	s.db.NoSync = true // it takes thousands of commits
	random := rand.NewChaCha8([32]byte{1})
	var filled []storage.Record
	for i := 0; ; i++ {
		id, data := make([]byte, 20), make([]byte, 2600)
		_, _ = random.Read(id)
		r := storage.Record{
			ID: hex.EncodeToString(id), Subject: fmt.Sprint("user ", i%users), SID: fmt.Sprint("sid ", i),
			Expiry: time.Now().Add(time.Hour), Data: data,
		}
		r, err := s.Save(t.Context(), r)
		if errors.Is(err, storage.ErrFull) {
			return s, filled
		}
		require.NoError(t, err)
		filled = append(filled, r)
	}
}

// Free pages lie about one by one then, and most nodes need some in a row.
func TestALargeFullFileLetsEverybodyRefreshAndLogOutEverywhere(t *testing.T) {
	s, filled := fillAtRandom(t)
	for _, r := range filled {
		_, err := s.Save(t.Context(), r)
		require.NoError(t, err)
	}
	for _, user := range []string{"user 1", "user 2"} {
		enqueued, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: user}, time.Minute)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(enqueued), len(filled)/users)
		left, err := s.List(t.Context(), storage.Match{Subject: user})
		require.NoError(t, err)
		assert.Empty(t, left)
		for _, d := range enqueued {
			require.NoError(t, s.Complete(t.Context(), d))
		}
	}
}

// Nobody has logged out meanwhile, or refreshed: all that comes is new sessions.
func TestALargeFileFullOfExpiredSessionsTakesNewOnes(t *testing.T) {
	s, filled := fillAtRandom(t)
	_, err := s.Save(t.Context(), filled[0]) // by now the room set aside is in use
	require.NoError(t, err)
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	for i := range 100 {
		_, err := s.Save(t.Context(), storage.Record{
			ID: fmt.Sprint("new ", i), Subject: "user 1", Expiry: time.Now().Add(3 * time.Hour), Data: filled[0].Data,
		})
		require.NoError(t, err)
	}
}
