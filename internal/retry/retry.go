// Package retry keeps logouts, and other work, that the store could not do because it was
// down, and tries them again until it answers. Tokens that wait for the provider to
// revoke them are in the queue of package revocation, which has its own back-off.
package retry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

const (
	firstPause   = time.Second
	longestPause = time.Minute

	// mostJobs bounds what is remembered.
	mostJobs = 100_000
)

// Job is what is tried again. A new job takes the place of an older one with the same
// ID. Jobs are compared, so they have to be pointers.
type Job interface {
	// Do tries it. An error means that the store is still down, except for
	// storage.ErrNotReplicated: then it is done, and will be done again until it is
	// safe.
	Do(ctx context.Context) error

	// After returns the job that does both this one and an older one.
	After(older Job) Job

	// Loses reports whether a session lives on if the job is never done.
	Loses() bool
}

// Queue holds jobs in memory. One goroutine tries them, while there are any. Its
// methods may be called from many goroutines at once.
type Queue struct {
	tasks   *tasks.Group
	timeout time.Duration // of one try
	logger  *slog.Logger
	wake    chan struct{} // the store may be up again

	mu      sync.Mutex
	waiting map[string]Job
	running bool
}

// New returns an empty queue, whose goroutine is one of t's. timeout bounds each try.
// A job that is dropped because there are too many is logged.
func New(t *tasks.Group, timeout time.Duration, logger *slog.Logger) *Queue {
	return &Queue{tasks: t, timeout: timeout, logger: logger, wake: make(chan struct{}, 1), waiting: map[string]Job{}}
}

// Add adds a job.
func (q *Queue) Add(id string, job Job) {
	if !q.AddUpTo(mostJobs, id, job) {
		q.logger.Error("passport: too many logouts wait for the store; what one more would have ended lives until it expires")
	}
}

// AddUpTo adds a job if fewer than most wait, or one with the same ID, and reports
// whether it has.
func (q *Queue) AddUpTo(most int, id string, job Job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if older, waits := q.waiting[id]; waits {
		job = job.After(older)
	} else if len(q.waiting) >= most {
		return false
	}
	q.waiting[id] = job
	if !q.running {
		q.running = q.tasks.Loop(q.loop)
	}
	return true
}

func (q *Queue) loop(ctx context.Context) {
	for wait := firstPause; q.pause(ctx, wait); wait = min(2*wait, longestPause) {
		q.Try(ctx)
		q.mu.Lock()
		if q.running = len(q.waiting) > 0; !q.running {
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
	}
}

// pause waits, until somebody wakes it, and reports whether to go on.
func (q *Queue) pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// Wake has what waits tried now, because the store answers again.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Try does what waits, first what loses a session, and each of the two until the store
// fails.
func (q *Queue) Try(ctx context.Context) {
	losing, others := map[string]Job{}, map[string]Job{}
	q.mu.Lock()
	for id, job := range q.waiting {
		if job.Loses() {
			losing[id] = job
		} else {
			others[id] = job
		}
	}
	q.mu.Unlock()
	q.try(ctx, losing)
	q.try(ctx, others)
}

func (q *Queue) try(ctx context.Context, waiting map[string]Job) {
	for id, job := range waiting {
		call, cancel := context.WithTimeout(circuit.Around(ctx), q.timeout)
		err := job.Do(call)
		cancel()
		if errors.Is(err, storage.ErrNotReplicated) {
			continue
		}
		if err != nil {
			return
		}
		q.mu.Lock()
		if q.waiting[id] == job { // else another has been added meanwhile
			delete(q.waiting, id)
		}
		q.mu.Unlock()
	}
}

// Waits reports whether a job waits.
func (q *Queue) Waits(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, waits := q.waiting[id]
	return waits
}

// Count counts the jobs that wait and are of a sort.
func (q *Queue) Count(of func(Job) bool) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, job := range q.waiting {
		if of(job) {
			n++
		}
	}
	return n
}

// Losses counts the jobs that wait and lose a session.
func (q *Queue) Losses() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, job := range q.waiting {
		if job.Loses() {
			n++
		}
	}
	return n
}
