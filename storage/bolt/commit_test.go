package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func openStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "sessions.db"), Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func newRecord(id string) storage.Record {
	return storage.Record{ID: id, Subject: "alice", SID: "sid of " + id, Expiry: time.Now().Add(time.Hour)}
}

// commits counts the transactions so far.
func (s *Store) commits(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, s.view(func(tx *tx) error {
		n = tx.ID()
		return nil
	}))
	return n
}

// holdTurn keeps writes waiting until release is called.
func (s *Store) holdTurn() (release func()) {
	s.queue.turn <- struct{}{}
	return func() { <-s.queue.turn }
}

func (s *Store) untilWaiting(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		return len(s.queue.waiting) == n
	}, 10*time.Second, time.Millisecond)
}

func TestWritesThatWaitTogetherShareOneCommit(t *testing.T) {
	s := openStore(t)
	before := s.commits(t)
	release := s.holdTurn()
	var savers sync.WaitGroup
	for i := range 50 {
		savers.Go(func() {
			_, err := s.Save(t.Context(), newRecord(fmt.Sprint(i)))
			assert.NoError(t, err)
		})
	}
	s.untilWaiting(t, 50)
	release()
	savers.Wait()

	assert.Equal(t, before+1, s.commits(t))
	all, err := s.List(t.Context(), storage.Match{Subject: "alice"})
	require.NoError(t, err)
	assert.Len(t, all, 50)
}

func TestALoneWriteWaitsForNobody(t *testing.T) {
	s := openStore(t)
	s.db.NoSync = true
	begun := time.Now()
	for i := range 1000 {
		_, err := s.Save(t.Context(), newRecord(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	assert.Less(t, time.Since(begun), 5*time.Second, "which is what a wait of 5 ms each would take")
}

func TestAWriteThatChangesNothingCommitsNothing(t *testing.T) {
	s := openStore(t)
	before := s.commits(t)
	_, err := s.Delete(t.Context(), "nobody")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.Claim(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, before, s.commits(t))
}

func TestAWriteThatFailsLeavesTheOthersOfItsGroupAlone(t *testing.T) {
	errDisk := errors.New("the disk says no")
	failures := map[string]func(*tx) error{
		"refused": func(*tx) error { return storage.ErrConflict },
		"failed in the middle": func(t *tx) error {
			t.replace(storage.Record{}, newRecord("half"))
			t.failed = errDisk
			return nil
		},
		"met a damaged page": func(t *tx) error {
			t.replace(storage.Record{}, newRecord("half"))
			panic("invalid page type")
		},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			release := s.holdTurn()
			var writers sync.WaitGroup
			writers.Go(func() { assert.Error(t, s.write(t.Context(), failure)) })
			for i := range 10 {
				writers.Go(func() {
					_, err := s.Save(t.Context(), newRecord(fmt.Sprint(i)))
					assert.NoError(t, err)
				})
			}
			s.untilWaiting(t, 11)
			release()
			writers.Wait()

			all, err := s.List(t.Context(), storage.Match{Subject: "alice"})
			require.NoError(t, err)
			assert.Len(t, all, 10)
			_, err = s.Load(t.Context(), "half")
			assert.ErrorIs(t, err, storage.ErrNotFound)
		})
	}
}

func TestACancelledWriteLeavesTheQueue(t *testing.T) {
	s := openStore(t)
	release := s.holdTurn()
	ctx, cancel := context.WithCancel(t.Context())
	saved := make(chan error)
	go func() {
		_, err := s.Save(ctx, newRecord("a"))
		saved <- err
	}()
	s.untilWaiting(t, 1)
	cancel()
	assert.ErrorIs(t, <-saved, context.Canceled, "before it is its turn")
	release()

	_, err := s.Save(t.Context(), newRecord("b"))
	require.NoError(t, err)
	_, err = s.Load(t.Context(), "a")
	assert.ErrorIs(t, err, storage.ErrNotFound)
}

func TestAWriteCancelledWhileItIsCarriedOutTellsTheTruth(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, func(t *tx) error {
		cancel()
		t.replace(storage.Record{}, newRecord("a"))
		return nil
	})
	require.NoError(t, err)
	_, err = s.Load(t.Context(), "a")
	assert.NoError(t, err)
}

// A panic while bbolt begins a transaction leaves its locks held, and whoever
// waited for them would wait for ever.
func TestAStoreThatCannotGoOnSaysSo(t *testing.T) {
	s := openStore(t)                                                 // which checks that it closes
	_, err := s.file.WriteAt(make([]byte, 2*s.db.Info().PageSize), 0) // both meta pages
	require.NoError(t, err)
	for range 3 {
		_, err = s.Load(t.Context(), "a")
		assert.ErrorContains(t, err, "is damaged")
		_, err = s.Save(t.Context(), newRecord("a"))
		assert.ErrorContains(t, err, "is damaged")
	}
}
