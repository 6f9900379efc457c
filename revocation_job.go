package passport

import (
	"context"
	"time"

	"github.com/passport-go/passport/storage"
)

const (
	// revocationsAtOnce bounds the calls that one process has under way.
	revocationsAtOnce = 32

	// patience is how long a leased revocation may wait for a worker: what is left
	// of the lease then is enough for all that is done in it.
	patience = revocationLease - revocationTimeout - 2*storeTimeout

	// longestQueue bounds the revocations of a durable queue that wait here. More are
	// left to the queue, which returns them again when their lease ends.
	longestQueue = 10_000
)

// payment is a revocation that waits for a worker.
type job struct {
	revocation storage.Revocation
	until      time.Time      // zero: for as long as it takes
	outcome    chan<- Outcome // nil if nobody waits for it
}

func (a job) tell(o Outcome) {
	if a.outcome != nil {
		a.outcome <- o
	}
}

// revoke has revocations worked off that are leased to this process. After Close it does so itself
// before it returns.
func (v *revoker) revoke(revocations ...storage.Revocation) {
	v.revokeTo(nil, revocations, v.p.c.Now().Add(patience))
}

// revokeTo is revoke for those who want to know: outcomes gets one per revocation, and has
// room for all. What has found no worker until then is left alone; the zero Time
// waits for as long as it takes.
func (v *revoker) revokeTo(outcomes chan<- Outcome, revocations []storage.Revocation, until time.Time) {
	for _, d := range revocations {
		if v.enqueue(job{d, until, outcomes}) && !v.p.tasks.Start(v.work) {
			v.work(v.p.tasks.Last())
		}
	}
}

// enqueue reports whether a worker is to be started, whom it counts already.
func (v *revoker) enqueue(a job) (worker bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id := a.revocation.Record.ID
	h, known := v.tracked[id]
	if v.jobsAreFull() && !h.unqueued {
		a.tell(OutcomePending)
		return false
	}
	if !h.unqueued {
		h.revocation = a.revocation
	}
	h.jobs++
	if known || v.mayTrackMore() {
		v.tracked[id] = h
	}
	v.jobs = append(v.jobs, a)
	if v.workers == revocationsAtOnce {
		return false
	}
	v.workers++
	return true
}

// queueIsFull is for the holder of mu.
func (v *revoker) jobsAreFull() bool { return !v.volatile && len(v.jobs) >= longestQueue }

// work is a worker: it revokes until nothing is left. Once ctx is done it leaves
// what it finds in the queue, or tracked.
func (v *revoker) work(ctx context.Context) {
	for {
		a, ok := v.nextJob()
		if !ok {
			return
		}
		outcome, event := OutcomePending, Event{}
		if ctx.Err() == nil && (a.until.IsZero() || !v.p.c.Now().After(a.until)) {
			outcome, event = v.attempt(ctx, a.revocation)
		}
		v.worked(a.revocation) // before anybody hears of it, and calls Close, say
		if event.Name != "" {
			v.p.emit(event)
		}
		a.tell(outcome)
	}
}

// nextJob lets the worker go if there is none.
func (v *revoker) nextJob() (a job, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.jobs) == 0 {
		v.jobs = nil
		v.workers--
		return job{}, false
	}
	a, v.jobs[0] = v.jobs[0], job{}
	v.jobs = v.jobs[1:]
	return a, true
}

// worked marks a revocation as not being worked on, if it is still tracked.
func (v *revoker) worked(d storage.Revocation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, enqueued := v.tracked[d.Record.ID]
	if !enqueued {
		return
	}
	h.jobs = max(h.jobs-1, 0)
	v.tracked[d.Record.ID] = h
	if h.revocation.Due.Before(v.next) {
		v.nudge()
	}
}
