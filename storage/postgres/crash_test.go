package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

// What was confirmed before the server died is there when it is back: a record
// at least at the revision that was confirmed, a logout as a revocation. What was
// under way is a record or a revocation, never both and never neither.
func TestServerKilledInTheMiddle(t *testing.T) {
	own, err := postgrestest.Start() // with fsync, as in earnest
	require.NoError(t, err)
	defer own.Close()
	pool := openPool(t, poolConfig(t, own.URL()))
	s := openStore(t, pool, Options{})

	for round := range 2 {
		var w work
		w.start(t.Context(), s, round)
		require.Eventually(t, func() bool { return w.done.Load() > 200 }, 20*time.Second, time.Millisecond)
		require.NoError(t, own.Kill())
		w.stop()

		_, err := s.Load(t.Context(), "any")
		assert.ErrorContains(t, err, "storage/postgres: load: ")
		assert.NotErrorIs(t, err, storage.ErrNotFound, "no answer is not the answer that there is no session")

		require.NoError(t, own.Restart())
		require.Eventually(t, func() bool {
			_, err := s.Load(t.Context(), "any")
			return errors.Is(err, storage.ErrNotFound)
		}, 10*time.Second, time.Millisecond, "the store goes on with the pool that it has")
		w.check(t, s)
	}
}

// work is a number of callers that sign in, refresh and log out, and remember
// what the store confirmed.
type work struct {
	mu      sync.Mutex
	begun   map[string]bool
	saved   map[string]uint64 // the last confirmed revision
	removed map[string]bool
	done    atomic.Int64
	callers sync.WaitGroup
	cancel  context.CancelFunc
}

func (w *work) start(ctx context.Context, s *Store, round int) {
	w.begun, w.saved, w.removed = map[string]bool{}, map[string]uint64{}, map[string]bool{}
	ctx, w.cancel = context.WithCancel(ctx)
	for caller := range 8 {
		w.callers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if w.live(ctx, s, fmt.Sprintf("round %d, caller %d, %d", round, caller, i)) != nil {
					return
				}
				w.done.Add(1)
			}
		})
	}
}

// stop waits for the callers, each of which ends with the first failure.
func (w *work) stop() {
	w.callers.Wait()
	w.cancel()
}

// live is one session: every other one logs out.
func (w *work) live(ctx context.Context, s *Store, id string) error {
	w.note(func() { w.begun[id] = true })
	r := aRecord(id)
	for range 2 {
		saved, err := s.Save(ctx, r)
		if err != nil {
			return err
		}
		r = saved
		w.note(func() { w.saved[id] = r.Revision })
	}
	if len(id)%2 == 0 {
		return nil
	}
	_, err := s.DeleteMatchingAndEnqueue(ctx, storage.Match{SID: r.SID}, time.Minute)
	if err == nil {
		w.note(func() { w.removed[id] = true })
	}
	return err
}

func (w *work) note(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
}

func (w *work) check(t *testing.T, s *Store) {
	later, err := New(s.pool, Options{Prefix: s.names.prefix, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	require.NoError(t, err)
	revocations, err := later.Claim(t.Context(), "", 1_000_000, time.Minute)
	require.NoError(t, err)
	enqueued := map[string]bool{}
	for _, d := range revocations {
		enqueued[d.Record.ID] = true
		require.NoError(t, later.Complete(t.Context(), d))
	}
	assert.NotEmpty(t, w.removed)
	for id := range maps.Keys(w.begun) {
		r, err := s.Load(t.Context(), id)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrNotFound)
		}
		whole := err == nil
		if w.removed[id] {
			assert.True(t, enqueued[id], "%s: a confirmed logout is lost", id)
		}
		if w.saved[id] > 0 {
			assert.True(t, whole != enqueued[id], "%s: record %t, revocation %t", id, whole, enqueued[id])
		}
		if whole {
			assert.GreaterOrEqual(t, r.Revision, w.saved[id], id)
		}
	}
}
