package bolt_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// Sessions begin and expire, some hundreds an hour, and nobody logs out.
func TestTheFileDoesNotGrowWithTheSessionsThatHaveExpired(t *testing.T) {
	const perHour = 200
	path := tempPath(t)
	clock := newClock()
	_, s := openUnsynced(t, path, bolt.Options{Now: clock.Now})
	sizes := map[int]int64{}
	for n := range 9 * perHour {
		save(t, s, sizedRecord(n, clock.Now()))
		clock.advance(time.Hour / perHour)
		if (n+1)%(3*perHour) == 0 {
			sizes[n+1] = sizeOf(t, path)
		}
	}
	assert.InEpsilon(t, sizes[3*perHour], sizes[9*perHour], 0.05)
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

func TestWritesCatchUpWithWhatHasExpired(t *testing.T) {
	clock := newClock()
	db, s := openUnsynced(t, tempPath(t), bolt.Options{Now: clock.Now})
	for n := range 200 {
		save(t, s, record(fmt.Sprint(n), clock.Now()))
	}
	clock.advance(2 * time.Hour)
	for n := range 100 {
		save(t, s, record(fmt.Sprint("new ", n), clock.Now()))
	}
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		for _, bucket := range []string{"records", "subjects", "sids", "expiries"} {
			assert.Len(t, keys(tx, bucket), 100, bucket)
		}
		return nil
	}))
}

// One write after a quiet night must not pay for all that has expired in it.
func TestOneWriteSweepsAFewOnly(t *testing.T) {
	clock := newClock()
	db, s := openUnsynced(t, tempPath(t), bolt.Options{Now: clock.Now})
	for n := range 200 {
		save(t, s, record(fmt.Sprint(n), clock.Now()))
	}
	clock.advance(2 * time.Hour)
	r := save(t, s, record("new", clock.Now()))
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		assert.Greater(t, len(keys(tx, "records")), 190)
		return nil
	}))
	found, err := s.List(t.Context(), storage.Match{Subject: r.Subject})
	require.NoError(t, err)
	assert.Equal(t, []storage.Record{r}, found)
}
