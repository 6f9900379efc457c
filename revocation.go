package passport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

const (
	// revocationLease is how long a revocation is ours to work on. It is longer than
	// everything that is done in that time.
	revocationLease = time.Minute

	// revocationTimeout bounds one call to the auth domain.
	revocationTimeout = 15 * time.Second

	// The back-off: 5 s, doubled each time up to an hour, less up to a half by
	// chance; longer if Retry-After says so, up to a day.
	firstRetry   = 5 * time.Second
	longestRetry = time.Hour
	longestAsked = 24 * time.Hour

	// revocationAge is when a revocation is given up. Auth0 lets a refresh token
	// live 30 days by default.
	revocationAge = 30 * 24 * time.Hour

	// queuePoll is how often the queue is looked through for revocations of other
	// instances, or of an earlier run; claimAtOnce how many are claimed at a time.
	queuePoll   = 30 * time.Second
	claimAtOnce = 16

	// leastPause lies between two looks at what is due, and firstRetry at a
	// queue that does not answer: a tracked revocation stays due for as long as that
	// lasts.
	leastPause = 10 * time.Millisecond
)

// revoker works off the queue of refresh tokens that have yet to be revoked. The
// queue is the truth. This process tracks, besides, what it is to retry, so as to be
// there in time, and what the queue could not take.
type revoker struct {
	p        *Passport
	volatile bool          // the queue ends with the process
	once     sync.Once     // starts the loop
	wake     chan struct{} // there may be something to do sooner

	mu            sync.Mutex
	tracked       map[string]trackedRevocation // by Record.ID
	unqueuedCount int                          // of them
	next          time.Time                    // when the loop will look again
	jobs          []job                        // for the next worker that is free
	workers       int                          // revocationsAtOnce at most
	closing       bool                         // nothing is claimed any more
	left          map[string]bool              // what this process cannot read, and has told of
}

type trackedRevocation struct {
	revocation storage.Revocation
	unqueued   bool // in no queue

	jobs int // of it that wait or are under way
}

// mostTracked bounds how many revocations are tracked that are safe in a durable queue.
// The rest is worked off too, but not remembered: the loop finds it there.
const mostTracked = 10_000

func newRevoker(p *Passport, volatile bool) *revoker {
	return &revoker{
		p:        p,
		volatile: volatile,
		wake:     make(chan struct{}, 1),
		tracked:  map[string]trackedRevocation{},
		left:     map[string]bool{},
	}
}

// attempt asks the auth domain once and tells the queue what came of it. It
// returns the event to tell of, if there is one.
func (v *revoker) attempt(ctx context.Context, d storage.Revocation) (Outcome, Event) {
	about := Event{Session: d.Record.ID, Subject: d.Record.Subject, SID: d.Record.SID}
	t, err := openTokens(v.p.c.keys, d.Record)
	if err != nil {
		err = fmt.Errorf("passport: a refresh token that is enqueued a revocation cannot be read: %w", err)
		later := errors.Is(err, seal.ErrNoKey) || errors.Is(err, envelope.ErrLater)
		if later && v.p.c.Now().Sub(d.Since) < revocationAge {
			return OutcomePending, v.leave(d, about, err)
		}
		return v.giveUp(ctx, d, about, err)
	}
	if t.RefreshToken == "" {
		v.complete(ctx, d)
		return OutcomeSkipped, Event{}
	}
	call, cancel := context.WithTimeout(ctx, revocationTimeout)
	defer cancel()
	err = providerError(v.p.provider.Revoke(call, t.RefreshToken.Reveal()))
	var answer *provider.RevocationError
	switch {
	case errors.Is(err, provider.ErrNoRevocation):
		v.complete(ctx, d)
		return OutcomeUnsupported, Event{}
	case err == nil:
		v.complete(ctx, d)
		about.Name = EventRevocationDone
		return OutcomeDone, about
	case errors.As(err, &answer) && answer.Final, v.p.c.Now().Sub(d.Since) >= revocationAge:
		return v.giveUp(ctx, d, about, err)
	}
	wait := backOff(d.Attempts)
	if answer != nil {
		wait = max(wait, min(answer.Err.RetryAfter, longestAsked))
	}
	return v.retry(ctx, d, wait, about, err)
}

// backOff is how long to wait after a number of failed attempts before.
func backOff(attempts int) time.Duration {
	wait := longestRetry
	if attempts < 16 {
		wait = min(firstRetry<<attempts, longestRetry)
	}
	return wait - mathrand.N(wait/2)
}

// leave lets the lease of d end by itself, for an instance that can read it: one
// that has the key, or a later version. It counts as no attempt, and the event is
// told once.
func (v *revoker) leave(d storage.Revocation, about Event, err error) Event {
	v.forget(d)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left[d.Record.ID] || len(v.left) >= mostTracked {
		return Event{}
	}
	v.left[d.Record.ID] = true
	about.Name, about.Err = EventRevocationRetry, err
	return about
}

func (v *revoker) complete(ctx context.Context, d storage.Revocation) {
	v.forget(d)
	ctx, cancel := v.p.storeCall(ctx)
	defer cancel()
	err := v.p.queue.Complete(ctx, d)
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrConflict) {
		// It will be claimed once more, and revoking twice does no harm.
		v.p.c.Logger.Warn("passport: a revocation that is done could not be struck off", "error", err)
	}
}

func (v *revoker) giveUp(ctx context.Context, d storage.Revocation, about Event, err error) (Outcome, Event) {
	v.complete(ctx, d)
	about.Name, about.Err = EventRevocationFailed, err
	return OutcomeFailed, about
}

func (v *revoker) retry(ctx context.Context, d storage.Revocation, wait time.Duration, about Event, reason error) (Outcome, Event) {
	retried := d
	retried.Due = v.p.c.Now().Add(wait).Truncate(time.Millisecond)
	retried.Attempts++
	if v.isUnqueued(d) {
		v.take(retried, true)
	} else {
		ctx, cancel := v.p.storeCall(ctx)
		defer cancel()
		switch err := v.p.queue.Retry(ctx, d, retried.Due); {
		case err == nil:
			v.take(retried, false)
		case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound):
			v.forget(d) // another has claimed or completed it
		}
		// Else it is ours until the lease ends, and then anybody's.
	}
	about.Name, about.Err = EventRevocationRetry, reason
	v.begin()
	return OutcomePending, about
}

// enqueueToken enqueues the refresh token of t, which belongs to no stored session,
// and begins to revoke it. If the queue does not answer, this process keeps the
// token, so that it is lost only with the process.
func (p *Passport) enqueueToken(from storage.Record, t tokens) {
	if t.RefreshToken == "" {
		return
	}
	r := p.newRecord(storage.KindToken, Secret(rand.Text()))
	r.Subject, r.SID, r.Expiry = from.Subject, from.SID, p.c.Now().Add(revocationAge)
	r = envelope.Seal(p.c.keys, r, head{}, tokens{RefreshToken: t.RefreshToken}.marshal())
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	d, err := p.queue.Enqueue(ctx, r, revocationLease)
	if err != nil {
		d = p.revoker.unqueued(r)
	}
	p.revoker.revoke(d)
}

// unqueued makes a revocation of a record that the queue could not take.
func (v *revoker) unqueued(r storage.Record) storage.Revocation {
	now := v.p.c.Now()
	d := storage.Revocation{Record: r, Since: now, Due: now.Add(revocationLease)}
	v.take(d, true)
	return d
}

// begin starts the loop that works off the queue; at the first use of the
// Passport, so that what an earlier run has left is revoked too.
func (v *revoker) begin() {
	v.once.Do(func() { v.p.tasks.Loop(v.loop) })
}

func (v *revoker) nudge() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *revoker) loop(ctx context.Context) {
	for !v.isClosing() {
		wait := leastPause
		if !v.claim(ctx) {
			wait = firstRetry
		}
		timer := time.NewTimer(max(wait, v.untilNext()))
		select {
		case <-timer.C:
		case <-v.wake:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// claim takes what is due and works it off. It reports whether the queue
// answered.
func (v *revoker) claim(ctx context.Context) bool {
	for v.mayClaim() {
		asked := v.p.c.Now()
		// Not with the loop's context: what a cancelled call has claimed, nobody
		// would revoke until its lease ends.
		call, cancel := context.WithTimeout(v.p.tasks.Last(), storeTimeout)
		revocations, err := v.p.queue.Claim(call, v.p.c.tenant.Name(), claimAtOnce, revocationLease)
		cancel()
		if err != nil {
			v.p.c.Logger.Warn("passport: the queue of revocations could not be read", "error", err)
		}
		revocations = append(revocations, v.dueUnqueued(asked)...)
		if len(revocations) == 0 {
			if err == nil {
				v.dropClaimedElsewhere(asked)
			}
			return err == nil
		}
		outcomes := make(chan Outcome, len(revocations))
		v.revokeTo(outcomes, revocations, v.p.c.Now().Add(patience))
		for range revocations {
			<-outcomes
		}
	}
	return true
}

func (v *revoker) mayClaim() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.closing && !v.jobsAreFull()
}

func (v *revoker) isClosing() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closing
}

// untilNext is how long the loop may sleep: until the first tracked revocation falls
// due, but not so long that revocations which only the queue knows of wait for ever.
func (v *revoker) untilNext() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.p.c.Now()
	v.next = now.Add(queuePoll)
	for _, h := range v.tracked {
		if h.jobs == 0 && h.revocation.Due.Before(v.next) {
			v.next = h.revocation.Due
		}
	}
	return v.next.Sub(now)
}

// claimOnce revokes what is due in a durable queue, until ctx is done. The runs of
// a program may all be too short for the loop.
func (v *revoker) claimOnce(ctx context.Context) {
	if v.volatile {
		return
	}
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	due, err := v.p.queue.Claim(call, v.p.c.tenant.Name(), claimAtOnce, revocationLease)
	if err != nil {
		v.p.c.Logger.Warn("passport: the queue of revocations could not be read", "error", err)
	}
	outcomes := make(chan Outcome, len(due))
	v.revokeTo(outcomes, due, time.Time{})
	for range due {
		select {
		case <-outcomes:
		case <-ctx.Done():
			return
		}
	}
}

// drain tries everything that is tracked once more, at the beginning of Close. What
// would end with the process waits for a worker for as long as it takes now, and
// is no longer claimed anew meanwhile.
func (v *revoker) drain(ctx context.Context) {
	v.mu.Lock()
	v.closing = true
	v.nudge()
	for i, a := range v.jobs {
		if v.volatile || v.tracked[a.revocation.Record.ID].unqueued {
			v.jobs[i].until = time.Time{}
		}
	}
	var revocations []storage.Revocation
	for _, h := range v.tracked {
		if h.jobs == 0 {
			revocations = append(revocations, h.revocation)
		}
	}
	v.mu.Unlock()
	outcomes := make(chan Outcome, len(revocations))
	v.revokeTo(outcomes, revocations, time.Time{})
	for range revocations {
		select {
		case <-outcomes:
		case <-ctx.Done():
			return
		}
	}
}

// lost counts the revocations that end with this process.
func (v *revoker) lost() (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, h := range v.tracked {
		if h.unqueued || v.volatile {
			n++
		}
	}
	return n
}

// dueUnqueued are the revocations that no queue hands out, and whose time has come.
func (v *revoker) dueUnqueued(now time.Time) (due []storage.Revocation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.unqueuedCount == 0 {
		return nil // there may be very many others
	}
	for id, h := range v.tracked {
		if h.unqueued && h.jobs == 0 && !h.revocation.Due.After(now) {
			h.revocation.Due = now.Add(revocationLease)
			v.tracked[id] = h
			due = append(due, h.revocation)
		}
	}
	return due
}

// dropClaimedElsewhere forgets revocations that were due and that the queue did not return:
// another Passport with the same store has them.
func (v *revoker) dropClaimedElsewhere(asked time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, h := range v.tracked {
		if !h.unqueued && h.jobs == 0 && !h.revocation.Due.After(asked) {
			delete(v.tracked, id)
		}
	}
}

// take notes a revocation.
func (v *revoker) take(d storage.Revocation, unqueued bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, known := v.tracked[d.Record.ID]
	if known || unqueued || v.mayTrackMore() {
		if unqueued && !h.unqueued {
			v.unqueuedCount++
		}
		h.revocation, h.unqueued = d, unqueued || h.unqueued
		v.tracked[d.Record.ID] = h
	}
}

// mayTrackMore is for the holder of mu.
func (v *revoker) mayTrackMore() bool { return v.volatile || len(v.tracked) < mostTracked }

// forget drops a revocation that is done, or that another has; unless it has been
// claimed anew since.
func (v *revoker) forget(d storage.Revocation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.tracked[d.Record.ID]
	if !h.revocation.Due.Equal(d.Due) {
		return
	}
	delete(v.tracked, d.Record.ID)
	if h.unqueued {
		v.unqueuedCount--
	}
}

func (v *revoker) isUnqueued(d storage.Revocation) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.tracked[d.Record.ID].unqueued
}
