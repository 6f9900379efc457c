package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// saveFor stores n records that live for a duration.
func saveFor(t *testing.T, s *Store, name string, n int, lifetime time.Duration) {
	t.Helper()
	for i := range n {
		_, err := s.Save(t.Context(), storage.Record{ID: fmt.Sprint(name, i), Expiry: s.now().Add(lifetime)})
		require.NoError(t, err)
	}
}

func countRecords(t *testing.T, s *Store) int64 {
	t.Helper()
	return query[int64](t, s.pool, s.names.fill(`SELECT count(*) FROM {records}`))
}

func sweep(t *testing.T, s *Store, n int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	removed, err := s.Sweep(ctx, n)
	require.NoError(t, err)
	return removed
}

func TestSweepRemovesTheExpiredInBatches(t *testing.T) {
	clock := newClock()
	s := openStore(t, newPool(t), Options{Now: clock.Now})
	saveFor(t, s, "short", 10, time.Minute)
	saveFor(t, s, "long", 3, 10*time.Hour)
	moved := storage.Record{ID: "short0", Revision: 1, Expiry: clock.Now().Add(10 * time.Hour)}
	_, err := s.Save(t.Context(), moved)
	require.NoError(t, err)
	assert.Zero(t, sweep(t, s, 100), "nothing has expired")

	clock.advance(time.Minute + time.Hour)
	assert.Zero(t, sweep(t, s, 0))
	assert.Equal(t, 4, sweep(t, s, 4))
	assert.Equal(t, 5, sweep(t, s, 100))
	assert.Equal(t, int64(4), countRecords(t, s))
	_, err = s.Load(t.Context(), "short0")
	assert.NoError(t, err)
}

// A program that never sweeps must not fill the disk: what a new record pays
// for is more than it adds.
func TestSaveSweepsNowAndThen(t *testing.T) {
	clock := newClock()
	s := openStore(t, newPool(t), Options{Now: clock.Now})
	for day := range 6 {
		saveFor(t, s, fmt.Sprint("day", day, " "), 2*sweepEvery, time.Hour)
		clock.advance(24 * time.Hour)
	}
	assert.LessOrEqual(t, countRecords(t, s), int64(4*sweepEvery))
}

// As where instances come and go with the load, and none sees many sign-ins.
func TestInstancesThatDoNotLiveLongSweepToo(t *testing.T) {
	clock := newClock()
	opts := Options{Now: clock.Now, Prefix: freshPrefix()}
	pool := newPool(t)
	s := openStore(t, pool, opts)
	saveFor(t, s, "old", 100, time.Minute)
	clock.advance(2 * time.Hour)
	const instances = 20 * sweepEvery // all of them out of luck: one in 500 million
	for i := range instances {
		saveFor(t, newStore(t, pool, opts), fmt.Sprint("new", i), 1, time.Hour)
	}
	assert.Equal(t, int64(instances), countRecords(t, s))
}

func TestSweepPassesOverWhatAnotherHolds(t *testing.T) {
	clock := newClock()
	s := openStore(t, newPool(t), Options{Now: clock.Now})
	saveFor(t, s, "r", 10, time.Minute)
	clock.advance(2 * time.Hour)
	tx := begin(t, s)
	defer tx.Rollback(t.Context())
	_, err := tx.Exec(t.Context(), s.names.fill(`SELECT FROM {records} LIMIT 3 FOR UPDATE`))
	require.NoError(t, err)
	assert.Equal(t, 7, sweep(t, s, 100))
}

// A sign-in is done once its record is stored, whatever becomes of the sweep.
func TestSaveDoesNotFailWithTheSweep(t *testing.T) {
	s := openStore(t, newPool(t), Options{})
	s.sql.sweep = `SELECT 1/0`
	saveFor(t, s, "r", 2*sweepEvery, time.Hour)
	_, err := s.Sweep(t.Context(), 1)
	assert.Error(t, err)
}
