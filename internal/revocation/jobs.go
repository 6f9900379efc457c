package revocation

import (
	"context"
	"time"

	"github.com/passport-go/passport/storage"
)

const (
	// maxConcurrent bounds the calls to the provider that one process has under way.
	maxConcurrent = 32

	// maxJobs bounds the revocations of a durable queue that wait here. The rest is
	// left to the queue, which hands them out again when their lease ends.
	maxJobs = 10_000
)

// job is a revocation that waits for a goroutine.
type job struct {
	revocation *storage.Revocation // not to be changed
	until      time.Time           // when it is left alone; zero: never
	outcome    chan<- Outcome      // nil if nobody waits for it
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
		w.do(job{&revocations[i], until, outcomes})
	}
}

func (w *Worker) do(j job) {
	if w.addJob(j) && !w.c.Tasks.Start(w.work) {
		w.work(w.c.Tasks.Last())
	}
}

// addJob reports whether a goroutine is to be started. It is counted already. While one
// is starting it starts the next by itself: whoever logs out does not wait for that.
func (w *Worker) addJob(j job) (start bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := j.revocation.Record.ID
	t, known := w.tracked[id]
	if w.jobsAreFull() && !t.unqueued {
		j.tell(Pending)
		return false
	}
	if !t.unqueued {
		t.revocation = j.revocation
	}
	t.jobs++
	if known || w.mayTrackMore() {
		w.tracked[id] = t
	}
	w.jobs = append(w.jobs, j)
	return !w.starting && w.mayStart()
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
func (w *Worker) jobsAreFull() bool { return !w.c.Volatile && len(w.jobs) >= maxJobs }

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
		w.jobDone(j.revocation.Record.ID) // before anybody hears of it, and closes the worker, say
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
	if len(w.jobs) == 0 {
		w.jobs = nil
		w.running--
		return job{}, false, false
	}
	next, w.jobs[0] = w.jobs[0], job{}
	w.jobs = w.jobs[1:]
	return next, len(w.jobs) > 0 && w.mayStart(), true
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
func (w *Worker) jobDone(id string) {
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
	t.jobs = max(t.jobs-1, 0)
	w.tracked[id] = t
	if t.revocation.Due.Before(w.next) {
		w.nudge()
	}
}
