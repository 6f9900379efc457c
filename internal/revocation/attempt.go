package revocation

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/passport-go/passport/storage"
)

// Outcome is what became of a revocation.
type Outcome int

const (
	Skipped     Outcome = iota // there was no token
	Done                       // the provider has revoked it
	Unsupported                // the provider cannot revoke
	Failed                     // given up
	Pending                    // it will be tried again
)

// Answer is what [Config.Revoke] returns.
type Answer struct {
	Outcome Outcome

	// Err is the reason for Failed and Pending.
	Err error

	// RetryAfter is the shortest wait that the provider asks for; of Pending.
	RetryAfter time.Duration

	// Unreadable reports a record that this process cannot open and another may: one
	// that has the key, or runs a later version. The outcome is Pending.
	Unreadable bool
}

// Event reports a revocation that is Done, Failed or, because an attempt failed,
// Pending. The zero Event is none.
type Event struct {
	Record  storage.Record
	Outcome Outcome
	Err     error
}

const (
	// callTimeout bounds one call of Config.Revoke.
	callTimeout = 15 * time.Second

	// The back-off: 5 s, doubled each time up to an hour, less up to a half at
	// random; longer if Retry-After says so, up to a day.
	firstRetry    = 5 * time.Second
	maxRetry      = time.Hour
	maxRetryAfter = 24 * time.Hour
)

// attempt calls the provider once and updates the queue. It returns the event to
// report, if there is one.
func (w *Worker) attempt(ctx context.Context, r storage.Revocation) (Outcome, Event) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	answer := w.c.Revoke(call, r.Record)
	cancel()
	event := Event{Record: r.Record, Outcome: answer.Outcome, Err: answer.Err}
	if answer.Outcome == Pending && w.c.Now().Sub(r.Since) >= MaxAge {
		event.Outcome = Failed
	}
	switch {
	case event.Outcome != Pending:
		w.complete(ctx, r)
	case answer.Unreadable:
		if !w.leave(r) {
			return Pending, Event{}
		}
	default:
		w.retry(ctx, r, max(backOff(r.Attempts), min(answer.RetryAfter, maxRetryAfter)))
	}
	if event.Outcome == Unsupported {
		return Unsupported, Event{}
	}
	return event.Outcome, event
}

// backOff is the wait after a number of failed attempts before this one.
func backOff(attempts int) time.Duration {
	wait := maxRetry
	if attempts < 16 {
		wait = min(firstRetry<<attempts, maxRetry)
	}
	return wait - rand.N(wait/2)
}

// leave lets the lease of r run out, for an instance that can read it. It counts as
// no attempt. It reports whether it is the first time.
func (w *Worker) leave(r storage.Revocation) (first bool) {
	w.forget(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unreadable[r.Record.ID] || len(w.unreadable) >= maxTracked {
		return false
	}
	w.unreadable[r.Record.ID] = true
	return true
}

func (w *Worker) complete(ctx context.Context, r storage.Revocation) {
	w.forget(r)
	ctx, cancel := w.queueCall(ctx)
	defer cancel()
	err := w.c.Queue.Complete(ctx, r)
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrConflict) {
		// It will be claimed once more, and revoking twice does no harm.
		w.c.Logger.Warn("passport: a completed revocation could not be removed from the queue", "error", err)
	}
}

func (w *Worker) retry(ctx context.Context, r storage.Revocation, wait time.Duration) {
	retried := r
	retried.Due = w.c.Now().Add(wait).Truncate(time.Millisecond)
	retried.Attempts++
	defer w.Begin()
	ctx, cancel := w.queueCall(ctx)
	defer cancel()
	if w.isUnqueued(r) { // or it is queued too, and the queue must not hand it out before
		_ = w.c.Queue.Retry(ctx, r, retried.Due)
		w.track(retried, true)
		return
	}
	switch err := w.c.Queue.Retry(ctx, r, retried.Due); {
	case err == nil:
		w.track(retried, false)
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound):
		w.forget(r) // another has claimed or completed it
	}
	// Otherwise it is leased to us until the lease ends, and then anybody's.
}

// queueCall is the context of a call that does not end with ctx, but has a bound of
// its own. A queue in memory keeps nobody waiting, and needs no timer.
func (w *Worker) queueCall(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if w.c.Volatile {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, w.c.StoreTimeout)
}
