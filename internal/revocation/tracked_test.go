package revocation

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

func TestOnlyWhatWasDueAndIsClaimedElsewhereIsDropped(t *testing.T) {
	asked := time.Unix(1_000_000, 0)
	for name, c := range map[string]struct {
		due      time.Time
		unqueued bool
		jobs     int
		dropped  bool
	}{
		"due before":        {due: asked.Add(-time.Second), dropped: true},
		"due at the moment": {due: asked, dropped: true},
		"due later":         {due: asked.Add(time.Millisecond)},
		"in no queue":       {due: asked.Add(-time.Second), unqueued: true},
		"being revoked":     {due: asked.Add(-time.Second), jobs: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := New(Config{})
			r := storage.Revocation{Record: storage.Record{ID: "session"}, Due: c.due}
			w.tracked["session"] = trackedRevocation{revocation: &r, unqueued: c.unqueued, jobs: c.jobs}
			w.dropClaimedElsewhere(asked)
			assert.Equal(t, c.dropped, len(w.tracked) == 0)
		})
	}
}

func TestARevocationThatAnotherProcessHasDoneIsNotRevokedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{answer: always(unwell)}
		p := start(t, completedElsewhere{newStore()}, provider)
		p.logOut("session")
		time.Sleep(pollInterval)
		p.stop(t.Context())
		assert.Len(t, provider.called(), 1)
	})
}

// completedElsewhere is a store whose retries another process completes at once.
type completedElsewhere struct{ *memory.Store }

func (s completedElsewhere) Retry(ctx context.Context, r storage.Revocation, due time.Time) error {
	err := s.Store.Retry(ctx, r, due)
	r.Due = due
	return errors.Join(err, s.Complete(ctx, r))
}

func TestARevocationThatWaitsForItsRetryIsStillTracked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		later := unwell
		later.RetryAfter = time.Hour
		provider := &provider{answer: failing(later, 2)}
		p := start(t, newStore(), provider)
		p.logOut("session")
		time.Sleep(10 * time.Minute) // the queue is asked, and returns nothing
		p.stop(t.Context())
		provider.revokedOnce(t, 1)
	})
}

func TestARevocationUnderWayCountsAlthoughItsLeaseHasRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		p := startVolatile(t, shared, &provider{takes: 10 * time.Second})
		p.Begin()
		r, err := shared.Enqueue(t.Context(), record("session"), time.Millisecond)
		require.NoError(t, err)
		require.NoError(t, shared.Complete(t.Context(), r)) // as if another process had claimed it
		p.Revoke(r)
		time.Sleep(5 * time.Second)
		assert.Equal(t, 1, p.Unrevoked())
		p.stop(t.Context())
		assert.Zero(t, p.Unrevoked())
	})
}

func TestARevocationThatIsClaimedAgainIsNotForgottenForItsOldLease(t *testing.T) {
	w := New(Config{})
	old := storage.Revocation{Record: storage.Record{ID: "session"}, Due: time.Unix(1_000_000, 0)}
	claimed := old
	claimed.Due = old.Due.Add(Lease)
	w.track(claimed, false)
	w.forget(old)
	assert.Len(t, w.tracked, 1)
	w.forget(claimed)
	assert.Empty(t, w.tracked)
}

// All goroutines are busy.
func TestATrackedRevocationIsLeftToTheJobThatWaitsForIt(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, unqueued := range []bool{false, true} {
		w := New(Config{Now: func() time.Time { return now }})
		w.running = maxConcurrent
		r := storage.Revocation{Record: storage.Record{ID: "session"}, Due: now}
		w.track(r, unqueued)
		assert.False(t, w.addJob(job{revocation: &r}))
		assert.Empty(t, w.dueUnqueued(now))
		w.dropClaimedElsewhere(now)
		assert.Len(t, w.tracked, 1)
		assert.Equal(t, pollInterval, w.untilNext(pollInterval))
	}
}

func TestAJobDoesNotReplaceALaterLease(t *testing.T) {
	w := New(Config{})
	old := storage.Revocation{Record: storage.Record{ID: "session"}, Due: time.Unix(1_000_000, 0)}
	w.addJob(job{revocation: &old})
	claimed := old
	claimed.Due = old.Due.Add(Lease)
	w.track(claimed, false)
	w.nextJob()
	w.forget(old)
	assert.Len(t, w.tracked, 1)
}

// The queue has handed the revocation out again, because it waited for longer than its
// lease. Both jobs still wait.
func TestTheJobOfTheLatestLeaseCounts(t *testing.T) {
	w := New(Config{Volatile: true})
	old := storage.Revocation{Record: storage.Record{ID: "session"}, Due: time.Unix(1_000_000, 0)}
	claimed := old
	claimed.Due = old.Due.Add(Lease)
	for _, r := range []storage.Revocation{old, claimed} {
		w.addJob(job{revocation: &r})
	}
	assert.Equal(t, 1, w.Unrevoked(), "it is one revocation")
	first, _, _ := w.nextJob()
	w.jobDone(first) // it was left alone
	second, _, _ := w.nextJob()
	w.forget(claimed) // it was revoked
	w.jobDone(second)
	assert.Empty(t, w.tracked)
	idle, _ := w.close()
	assert.Empty(t, idle, "Finish would revoke it again")
}

func TestOnlyWhatADurableQueueHasIsBounded(t *testing.T) {
	for _, volatile := range []bool{false, true} {
		w := New(Config{Volatile: volatile})
		for _, id := range ids(maxTracked + 1) {
			w.track(storage.Revocation{Record: storage.Record{ID: id}}, false)
		}
		w.addJob(job{revocation: &storage.Revocation{Record: storage.Record{ID: "job"}}})
		w.nextJob()
		if volatile {
			assert.Len(t, w.tracked, maxTracked+2)
			continue
		}
		assert.Len(t, w.tracked, maxTracked)
		w.track(storage.Revocation{Record: storage.Record{ID: "unqueued"}}, true)
		assert.Len(t, w.tracked, maxTracked+1, "it would be lost")
	}
}
