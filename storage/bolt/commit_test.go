package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
	s.group.turn <- struct{}{}
	return func() { <-s.group.turn }
}

func (s *Store) untilWaiting(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.group.mu.Lock()
		defer s.group.mu.Unlock()
		return len(s.group.waiting) == n
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
	synctest.Test(t, func(t *testing.T) { // in which only a timer makes time pass
		s := openStore(t)
		begun := time.Now()
		_, err := s.Save(t.Context(), newRecord("a"))
		require.NoError(t, err)
		assert.Zero(t, time.Since(begun))
	})
}

func TestAWriteThatChangesNothingCommitsNothing(t *testing.T) {
	s := openStore(t)
	before := s.commits(t)
	_, err := s.Delete(t.Context(), "nobody")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.Claim(t.Context(), "", 10, time.Minute)
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

func TestAWriteThatMeetsDamageDoesNotStopTheSweeping(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	s, err := Open(filepath.Join(t.TempDir(), "sessions.db"), Options{Now: func() time.Time { return time.Unix(0, now.Load()) }})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	_, err = s.Save(t.Context(), newRecord("expired"))
	require.NoError(t, err)
	now.Add(int64(2 * time.Hour))

	require.Error(t, s.write(t.Context(), func(*tx) error { panic("invalid page type") }))
	r := newRecord("new")
	r.Expiry = r.Expiry.Add(2 * time.Hour)
	_, err = s.Save(t.Context(), r)
	require.NoError(t, err)
	require.NoError(t, s.view(func(t *tx) error {
		_, err = t.get("expired")
		return nil
	}))
	assert.ErrorIs(t, err, storage.ErrNotFound, "it has been swept")
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

func TestAWriteCancelledWhileOthersAreCarriedOutHasNoEffect(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := s.holdTurn()
	var writers sync.WaitGroup
	writers.Go(func() {
		assert.NoError(t, s.write(t.Context(), func(t *tx) error {
			cancel()
			t.replace(storage.Record{}, newRecord("first"))
			return nil
		}))
	})
	s.untilWaiting(t, 1)
	writers.Go(func() {
		_, err := s.Save(ctx, newRecord("second"))
		assert.ErrorIs(t, err, context.Canceled)
	})
	s.untilWaiting(t, 2)
	release()
	writers.Wait()

	_, err := s.Load(t.Context(), "first")
	assert.NoError(t, err)
	_, err = s.Load(t.Context(), "second")
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

// A short name has the index to itself, whatever others begin with it.
func TestNoNameIsTheBeginningOfAnotherInTheIndex(t *testing.T) {
	key := nameKey("t", storage.KindSession, "alice2", "id")
	assert.True(t, bytes.HasPrefix(key, nameKey("t", storage.KindSession, "alice2", "")))
	assert.False(t, bytes.HasPrefix(key, nameKey("t", storage.KindSession, "alice", "")))
}

// A panic while bbolt begins a transaction leaves its locks held, and whoever
// waited for them would wait for ever.
func TestAStoreThatCannotGoOnSaysSo(t *testing.T) {
	s := openStore(t) // which checks that it closes
	file, err := os.OpenFile(s.db.Path(), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteAt(make([]byte, 2*os.Getpagesize()), 0) // both meta pages
	require.NoError(t, err)
	for range 3 {
		_, err = s.Load(t.Context(), "a")
		assert.ErrorContains(t, err, "is damaged")
		_, err = s.Save(t.Context(), newRecord("a"))
		assert.ErrorContains(t, err, "is damaged")
	}
}
