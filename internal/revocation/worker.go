// Package revocation works off the queue of pending revocations: refresh tokens of
// sessions that have ended, which the provider has yet to revoke. attempt.go has the
// back-off and the outcomes of one attempt, jobs.go the goroutines.
package revocation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

const (
	// Lease is how long a revocation is leased to this process. It is longer than
	// all the work of one attempt.
	Lease = time.Minute

	// MaxAge is when a revocation is given up. Auth0 lets a refresh token live 30
	// days by default.
	MaxAge = 30 * 24 * time.Hour

	// pollInterval is how often the queue is searched for revocations of other
	// instances, or of an earlier run. After the start the interval is as long as
	// the worker has run, from firstPoll up: the last statement of a process that
	// was killed may be carried out after the first look of the next.
	pollInterval = 30 * time.Second
	firstPoll    = time.Second

	// claimBatch is how many revocations are claimed at a time.
	claimBatch = 16

	// maxConcurrent bounds the calls to the provider that one process has under way.
	maxConcurrent = 32

	// maxJobs bounds the revocations of a durable queue that wait here. The rest is
	// left to the queue, which hands them out again when their lease ends.
	maxJobs = 10_000

	// minPause separates two claims, and firstRetry those from a queue that does not
	// answer: a tracked revocation stays due for as long as that lasts.
	minPause = 10 * time.Millisecond
)

// Config is what a worker needs. All fields are required.
type Config struct {
	Store    storage.TokenStore      // where the sessions are
	Queue    storage.RevocationQueue // of Store, or from [WithQueue]
	Volatile bool                    // Queue ends with the process
	Tenant   string                  // whose revocations are claimed

	// StoreTimeout bounds each call of Store and Queue.
	StoreTimeout time.Duration

	// Revoke has the refresh token in a record revoked, and classifies the
	// provider's answer. It honours ctx.
	Revoke func(ctx context.Context, r storage.Record) Answer

	// Report is told of what was done, retried and given up.
	Report func(Event)

	Tasks  *tasks.Group // runs the loop and the workers
	Now    func() time.Time
	Logger *slog.Logger
}

// Worker works off a queue. The queue is the truth. The process also tracks what it
// is to retry, so as to be there in time, and what the queue could not take. Its
// methods may be called from many goroutines at once.
type Worker struct {
	c    Config
	once sync.Once     // starts the loop
	wake chan struct{} // there may be something to do sooner

	attempted chan struct{} // a job may have been done since Finish looked

	mu            sync.Mutex
	tracked       map[string]trackedRevocation // by Record.ID
	unqueuedCount int                          // of them
	next          time.Time                    // when the loop will claim again
	jobs          jobQueue                     // for the next free goroutine
	running       int                          // goroutines; maxConcurrent at most
	starting      bool                         // one of them has yet to look for a job
	closing       bool                         // nothing is claimed any more
	unreadable    map[string]bool              // reported already, by Record.ID
}

// New returns a worker that has not started; see [Worker.Begin].
func New(c Config) *Worker {
	return &Worker{
		c:          c,
		wake:       make(chan struct{}, 1),
		attempted:  make(chan struct{}, 1),
		tracked:    map[string]trackedRevocation{},
		unreadable: map[string]bool{},
	}
}

// Begin starts the loop that works off the queue, the first time it is called. It
// ends with the tasks.
func (w *Worker) Begin() {
	w.once.Do(func() { w.c.Tasks.Loop(w.loop) })
}

func (w *Worker) loop(ctx context.Context) {
	began := time.Now() // not by Config.Now: how long it runs, whatever the clock does
	for !w.isClosing() {
		pause := minPause
		if !w.claimDue() {
			pause = firstRetry
		}
		poll := min(max(time.Since(began), firstPoll), pollInterval)
		timer := time.NewTimer(max(pause, w.untilNext(poll)))
		select {
		case <-timer.C:
		case <-w.wake:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// nudge wakes the loop.
func (w *Worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// claimDue claims what is due and works it off. It reports whether the queue
// answered.
func (w *Worker) claimDue() bool {
	for w.mayClaim() {
		asked := w.c.Now()
		// Not with the loop's context: what a cancelled call has claimed, nobody
		// would revoke until its lease ends.
		claimed, err := w.claim(w.c.Tasks.Last())
		claimed = append(claimed, w.dueUnqueued(asked)...)
		if len(claimed) == 0 {
			if err == nil {
				w.dropClaimedElsewhere(asked)
			}
			return err == nil
		}
		outcomes := make(chan Outcome, len(claimed))
		w.RevokeTo(outcomes, claimed...)
		for range claimed {
			<-outcomes
		}
	}
	return true
}

func (w *Worker) claim(ctx context.Context) ([]storage.Revocation, error) {
	ctx, cancel := context.WithTimeout(ctx, w.c.StoreTimeout)
	defer cancel()
	claimed, err := w.c.Queue.Claim(ctx, w.c.Tenant, claimBatch, Lease)
	if err != nil {
		w.c.Logger.Warn("passport: the queue of revocations could not be read", "error", err)
	}
	return claimed, err
}

func (w *Worker) mayClaim() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.closing && !w.jobsAreFull()
}

func (w *Worker) isClosing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing
}

// untilNext is how long the loop may sleep: until the first tracked revocation is
// due, and at most for poll.
func (w *Worker) untilNext(poll time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.c.Now()
	w.next = now.Add(poll)
	for _, t := range w.tracked {
		if t.jobs == 0 && t.revocation.Due.Before(w.next) {
			w.next = t.revocation.Due
		}
	}
	return w.next.Sub(now)
}

// Finish revokes once more what is due in a durable queue, for programs whose runs
// are too short for the loop, and everything that is tracked, until ctx is done.
// Nothing is claimed by the loop from then on.
func (w *Worker) Finish(ctx context.Context) {
	if !w.c.Volatile {
		due, _ := w.claim(ctx)
		w.revokeUntil(ctx, due)
	}
	idle, underWay := w.close()
	w.revokeUntil(ctx, idle)
	w.revokeUntil(ctx, w.failed(ctx, underWay))
}

// failed waits for attempts that were under way when the worker was closed, until ctx is
// done, and returns the revocations that are still to be done: for those, that was not
// yet the last try.
func (w *Worker) failed(ctx context.Context, underWay map[string]bool) (failed []storage.Revocation) {
	for {
		w.mu.Lock()
		for id := range underWay {
			t, tracked := w.tracked[id]
			if tracked && t.jobs > 0 {
				continue
			}
			delete(underWay, id)
			if tracked {
				failed = append(failed, *t.revocation)
			}
		}
		w.mu.Unlock()
		if len(underWay) == 0 {
			return failed
		}
		select {
		case <-w.attempted:
		case <-ctx.Done():
			return failed
		}
	}
}

// revokeUntil revokes, and waits until ctx is done.
func (w *Worker) revokeUntil(ctx context.Context, revocations []storage.Revocation) {
	outcomes := make(chan Outcome, len(revocations))
	w.revoke(outcomes, revocations, time.Time{})
	for range revocations {
		select {
		case <-outcomes:
		case <-ctx.Done():
			return
		}
	}
}

// close stops the loop and returns the tracked revocations that no job is for, and the
// IDs of those whose attempt is under way. Jobs whose revocation would end with the
// process wait for as long as it takes now.
func (w *Worker) close() (idle []storage.Revocation, underWay map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = true
	w.nudge()
	waiting := map[string]bool{}
	for i, jobs := 0, w.jobs.waiting(); i < len(jobs); i++ {
		id := jobs[i].revocation.Record.ID
		waiting[id] = true
		if w.c.Volatile || w.tracked[id].unqueued {
			jobs[i].until = time.Time{}
		}
	}
	underWay = map[string]bool{}
	for id, t := range w.tracked {
		switch {
		case t.jobs == 0 && !waiting[id]:
			idle = append(idle, *t.revocation)
		case !waiting[id]:
			underWay[id] = true
		}
	}
	return idle, underWay
}
