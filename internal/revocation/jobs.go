package revocation

import (
	"context"
	"time"

	"github.com/passport-go/passport/storage"
)

// job is a revocation that waits for a goroutine, or that one is at.
type job struct {
	revocation *storage.Revocation // not to be changed
	until      time.Time           // when it is left alone; zero: never
	outcome    chan<- Outcome      // nil if nobody waits for it
	counted    bool                // among the jobs of a tracked revocation
}

func (j job) tell(o Outcome) {
	if j.outcome != nil {
		j.outcome <- o
	}
}

// Revoke works off revocations that are leased to this process, in the background.
// Once the tasks have finished it does so before it returns.
func (w *Worker) Revoke(revocations ...storage.Revocation) { w.RevokeTo(nil, revocations...) }

// RevokeOne is Revoke without a copy: nobody may change r from then on.
func (w *Worker) RevokeOne(r *storage.Revocation) {
	w.do(job{revocation: r, until: w.c.Now().Add(w.maxWait())})
}

// RevokeTo is Revoke for a caller that waits: outcomes receives one for each
// revocation, and has room for all of them. Nobody may change the revocations from then
// on.
func (w *Worker) RevokeTo(outcomes chan<- Outcome, revocations ...storage.Revocation) {
	w.revoke(outcomes, revocations, w.c.Now().Add(w.maxWait()))
}

// maxWait is how long a leased revocation may wait for a goroutine: the rest of the
// lease is enough for the attempt.
func (w *Worker) maxWait() time.Duration { return Lease - callTimeout - 2*w.c.StoreTimeout }

func (w *Worker) revoke(outcomes chan<- Outcome, revocations []storage.Revocation, until time.Time) {
	for i := range revocations {
		w.do(job{revocation: &revocations[i], until: until, outcome: outcomes})
	}
}

func (w *Worker) do(j job) {
	if w.addJob(j) && !w.c.Tasks.Start(w.work) {
		w.work(w.c.Tasks.Last())
	}
}

// addJob reports whether a goroutine is to be started. It is counted already. While one
// is starting it starts the next by itself. Whoever logs out waits neither for that nor
// for a new revocation to be tracked: the goroutine that takes the job does both.
func (w *Worker) addJob(j job) (start bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := j.revocation.Record.ID
	t, known := w.tracked[id]
	if w.jobsAreFull() && !t.unqueued {
		j.tell(Pending)
		return false
	}
	if known {
		if !t.unqueued {
			t.revocation = j.revocation
		}
		w.count(&j, t)
	}
	w.jobs.push(j)
	return !w.starting && w.mayStart()
}

// trackJob tracks the revocation of a job that is about to be done, unless that is
// tracked under a later lease. It is for the holder of mu.
func (w *Worker) trackJob(j *job) {
	t, known := w.tracked[j.revocation.Record.ID]
	if !known && !w.mayTrackMore() {
		return
	}
	if !known || !t.unqueued && t.revocation.Due.Before(j.revocation.Due) {
		t.revocation = j.revocation
	}
	w.count(j, t)
}

// count counts a job of a tracked revocation, once. It is for the holder of mu.
func (w *Worker) count(j *job, of trackedRevocation) {
	of.jobs++
	w.tracked[j.revocation.Record.ID] = of
	j.counted = true
}

// mayStart counts a goroutine that is to be started. It is for the holder of mu.
func (w *Worker) mayStart() bool {
	if w.running == maxConcurrent {
		return false
	}
	w.running++
	w.starting = true
	return true
}

// jobsAreFull is for the holder of mu.
func (w *Worker) jobsAreFull() bool { return !w.c.Volatile && w.jobs.len() >= maxJobs }

// work does jobs until none is left. Once ctx is done it leaves the revocations in
// the queue, or tracked.
func (w *Worker) work(ctx context.Context) {
	for {
		j, more, ok := w.nextJob()
		if !ok {
			return
		}
		if more && !w.c.Tasks.Start(w.work) {
			w.notStarted()
		}
		outcome, event := Pending, Event{}
		if ctx.Err() == nil && (j.until.IsZero() || !w.c.Now().After(j.until)) {
			outcome, event = w.attempt(ctx, *j.revocation)
		}
		w.jobDone(j) // before anybody hears of it, and closes the worker, say
		if event.Outcome != Skipped {
			w.c.Report(event)
		}
		j.tell(outcome)
	}
}

// nextJob lets the goroutine end if there is none. more says that another goroutine is to
// be started, for the jobs behind it; it is counted already.
func (w *Worker) nextJob() (next job, more, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starting = false
	if w.jobs.len() == 0 {
		w.running--
		return job{}, false, false
	}
	next = w.jobs.pop()
	if !next.counted {
		w.trackJob(&next)
	}
	return next, w.jobs.len() > 0 && w.mayStart(), true
}

// notStarted counts off a goroutine for which the tasks start too late: those that run do
// its jobs.
func (w *Worker) notStarted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
	w.starting = false
}

// jobDone counts a job off its revocation, if that is still tracked.
func (w *Worker) jobDone(j job) {
	id := j.revocation.Record.ID
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.attempted <- struct{}{}:
	default:
	}
	t, tracked := w.tracked[id]
	if !tracked {
		return
	}
	if j.counted {
		t.jobs = max(t.jobs-1, 0)
		w.tracked[id] = t
	}
	if t.revocation.Due.Before(w.next) {
		w.nudge()
	}
}
