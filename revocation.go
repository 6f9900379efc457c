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
	// revocationHold is how long a debt is ours to work on. It is longer than
	// everything that is done in that time.
	revocationHold = time.Minute

	// revocationTimeout bounds one call to the auth domain.
	revocationTimeout = 15 * time.Second

	// The back-off: 5 s, doubled each time up to an hour, less up to a half by
	// chance; longer if Retry-After says so, up to a day.
	firstRetry   = 5 * time.Second
	longestRetry = time.Hour
	longestAsked = 24 * time.Hour

	// revocationAge is when a debt is given up. Auth0 lets a refresh token
	// live 30 days by default.
	revocationAge = 30 * 24 * time.Hour

	// ledgerPoll is how often the ledger is looked through for debts of other
	// instances, or of an earlier run; claimAtOnce how many are taken at a time.
	ledgerPoll  = 30 * time.Second
	claimAtOnce = 16

	// leastPause lies between two looks at what is due, and firstRetry at a
	// ledger that does not answer: a debt in hand stays due for as long as that
	// lasts.
	leastPause = 10 * time.Millisecond
)

// revoker pays the debts of logouts: refresh tokens that are owed a revocation.
// The ledger is the truth. In hand is what this process knows of besides: what
// it postponed, to be there in time, and what the ledger could not take.
type revoker struct {
	p        *Passport
	volatile bool          // the ledger ends with the process
	once     sync.Once     // starts the loop
	wake     chan struct{} // there may be something to do sooner

	mu      sync.Mutex
	hand    map[string]inHand // by Record.ID
	strays  int               // of them
	next    time.Time         // when the loop will look again
	queue   []payment         // for the next worker that is free
	workers int               // revocationsAtOnce at most
	closing bool              // nothing is claimed any more
	left    map[string]bool   // what this process cannot read, and has told of
}

type inHand struct {
	debt  storage.Revocation
	stray bool // in no ledger

	payments int // of it that wait or are under way
}

// handful bounds what is in hand of debts that are safe in a durable ledger. The
// rest is paid as well, but not remembered: the loop finds it there.
const handful = 10_000

func newRevoker(p *Passport, volatile bool) *revoker {
	return &revoker{
		p:        p,
		volatile: volatile,
		wake:     make(chan struct{}, 1),
		hand:     map[string]inHand{},
		left:     map[string]bool{},
	}
}

// attempt asks the auth domain once and enters in the ledger what came of it. It
// returns the event to tell of, if there is one.
func (v *revoker) attempt(ctx context.Context, d storage.Revocation) (Outcome, Event) {
	about := Event{Session: d.Record.ID, Subject: d.Record.Subject, SID: d.Record.SID}
	t, err := openTokens(v.p.c.keys, d.Record)
	if err != nil {
		err = fmt.Errorf("passport: a refresh token that is owed a revocation cannot be read: %w", err)
		later := errors.Is(err, seal.ErrNoKey) || errors.Is(err, envelope.ErrLater)
		if later && v.p.c.Now().Sub(d.Since) < revocationAge {
			return OutcomePending, v.leave(d, about, err)
		}
		return v.giveUp(ctx, d, about, err)
	}
	if t.RefreshToken == "" {
		v.settle(ctx, d)
		return OutcomeSkipped, Event{}
	}
	call, cancel := context.WithTimeout(ctx, revocationTimeout)
	defer cancel()
	err = providerError(v.p.provider.Revoke(call, t.RefreshToken.Reveal()))
	var answer *provider.RevocationError
	switch {
	case errors.Is(err, provider.ErrNoRevocation):
		v.settle(ctx, d)
		return OutcomeUnsupported, Event{}
	case err == nil:
		v.settle(ctx, d)
		about.Name = EventRevocationDone
		return OutcomeDone, about
	case errors.As(err, &answer) && answer.Final, v.p.c.Now().Sub(d.Since) >= revocationAge:
		return v.giveUp(ctx, d, about, err)
	}
	wait := backOff(d.Attempts)
	if answer != nil {
		wait = max(wait, min(answer.Err.RetryAfter, longestAsked))
	}
	return v.postpone(ctx, d, wait, about, err)
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
	if v.left[d.Record.ID] || len(v.left) >= handful {
		return Event{}
	}
	v.left[d.Record.ID] = true
	about.Name, about.Err = EventRevocationRetry, err
	return about
}

func (v *revoker) settle(ctx context.Context, d storage.Revocation) {
	v.forget(d)
	ctx, cancel := v.p.storeCall(ctx)
	defer cancel()
	err := v.p.ledger.Complete(ctx, d)
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrConflict) {
		// It will be claimed once more, and revoking twice does no harm.
		v.p.c.Logger.Warn("passport: a revocation that is done could not be struck off", "error", err)
	}
}

func (v *revoker) giveUp(ctx context.Context, d storage.Revocation, about Event, err error) (Outcome, Event) {
	v.settle(ctx, d)
	about.Name, about.Err = EventRevocationFailed, err
	return OutcomeFailed, about
}

func (v *revoker) postpone(ctx context.Context, d storage.Revocation, wait time.Duration, about Event, reason error) (Outcome, Event) {
	postponed := d
	postponed.Due = v.p.c.Now().Add(wait).Truncate(time.Millisecond)
	postponed.Attempts++
	if v.isStray(d) {
		v.take(postponed, true)
	} else {
		ctx, cancel := v.p.storeCall(ctx)
		defer cancel()
		switch err := v.p.ledger.Retry(ctx, d, postponed.Due); {
		case err == nil:
			v.take(postponed, false)
		case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound):
			v.forget(d) // another has it, or has paid it
		}
		// Else it is ours until the hold ends, and then anybody's.
	}
	about.Name, about.Err = EventRevocationRetry, reason
	v.begin()
	return OutcomePending, about
}

// oweToken enters the refresh token of t, which belongs to no stored session,
// as a debt and begins to pay it. Should the ledger not answer, the token stays
// in hand, so that it is lost only with the process.
func (p *Passport) oweToken(from storage.Record, t tokens) {
	if t.RefreshToken == "" {
		return
	}
	r := p.newRecord(storage.KindToken, Secret(rand.Text()))
	r.Subject, r.SID, r.Expiry = from.Subject, from.SID, p.c.Now().Add(revocationAge)
	r = envelope.Seal(p.c.keys, r, head{}, tokens{RefreshToken: t.RefreshToken}.marshal())
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	d, err := p.ledger.Enqueue(ctx, r, revocationHold)
	if err != nil {
		d = p.revoker.stray(r)
	}
	p.revoker.pay(d)
}

// stray makes a debt of a record that no ledger takes.
func (v *revoker) stray(r storage.Record) storage.Revocation {
	now := v.p.c.Now()
	d := storage.Revocation{Record: r, Since: now, Due: now.Add(revocationHold)}
	v.take(d, true)
	return d
}

// begin starts the loop that works off the ledger; at the first use of the
// Passport, so that what an earlier run still owed is paid too.
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

// claim takes what is due and works it off. It reports whether the ledger
// answered.
func (v *revoker) claim(ctx context.Context) bool {
	for v.mayClaim() {
		asked := v.p.c.Now()
		// Not with the loop's context: what a cancelled call has claimed, nobody
		// would revoke until its hold is over.
		call, cancel := context.WithTimeout(v.p.tasks.Last(), storeTimeout)
		debts, err := v.p.ledger.Claim(call, v.p.c.tenant.Name(), claimAtOnce, revocationHold)
		cancel()
		if err != nil {
			v.p.c.Logger.Warn("passport: the ledger of revocations could not be read", "error", err)
		}
		debts = append(debts, v.dueStrays(asked)...)
		if len(debts) == 0 {
			if err == nil {
				v.dropForeign(asked)
			}
			return err == nil
		}
		outcomes := make(chan Outcome, len(debts))
		v.payTo(outcomes, debts, v.p.c.Now().Add(patience))
		for range debts {
			<-outcomes
		}
	}
	return true
}

func (v *revoker) mayClaim() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.closing && !v.queueIsFull()
}

func (v *revoker) isClosing() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closing
}

// untilNext is how long the loop may sleep: until the first debt in hand falls
// due, but not so long that debts which only the ledger knows of wait for ever.
func (v *revoker) untilNext() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.p.c.Now()
	v.next = now.Add(ledgerPoll)
	for _, h := range v.hand {
		if h.payments == 0 && h.debt.Due.Before(v.next) {
			v.next = h.debt.Due
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
	due, err := v.p.ledger.Claim(call, v.p.c.tenant.Name(), claimAtOnce, revocationHold)
	if err != nil {
		v.p.c.Logger.Warn("passport: the queue of revocations could not be read", "error", err)
	}
	outcomes := make(chan Outcome, len(due))
	v.payTo(outcomes, due, time.Time{})
	for range due {
		select {
		case <-outcomes:
		case <-ctx.Done():
			return
		}
	}
}

// drain tries everything in hand once more, at the beginning of Close. What
// would end with the process waits for a worker for as long as it takes now, and
// is no longer claimed anew meanwhile.
func (v *revoker) drain(ctx context.Context) {
	v.mu.Lock()
	v.closing = true
	v.nudge()
	for i, a := range v.queue {
		if v.volatile || v.hand[a.debt.Record.ID].stray {
			v.queue[i].until = time.Time{}
		}
	}
	var debts []storage.Revocation
	for _, h := range v.hand {
		if h.payments == 0 {
			debts = append(debts, h.debt)
		}
	}
	v.mu.Unlock()
	outcomes := make(chan Outcome, len(debts))
	v.payTo(outcomes, debts, time.Time{})
	for range debts {
		select {
		case <-outcomes:
		case <-ctx.Done():
			return
		}
	}
}

// lost counts the debts that end with this process.
func (v *revoker) lost() (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, h := range v.hand {
		if h.stray || v.volatile {
			n++
		}
	}
	return n
}

// dueStrays are the debts that no ledger hands out, and whose time has come.
func (v *revoker) dueStrays(now time.Time) (due []storage.Revocation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.strays == 0 {
		return nil // there may be very many others
	}
	for id, h := range v.hand {
		if h.stray && h.payments == 0 && !h.debt.Due.After(now) {
			h.debt.Due = now.Add(revocationHold)
			v.hand[id] = h
			due = append(due, h.debt)
		}
	}
	return due
}

// dropForeign forgets debts that were due and that the ledger did not hand out:
// another Passport with the same store has them.
func (v *revoker) dropForeign(asked time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, h := range v.hand {
		if !h.stray && h.payments == 0 && !h.debt.Due.After(asked) {
			delete(v.hand, id)
		}
	}
}

// take notes a debt.
func (v *revoker) take(d storage.Revocation, stray bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, known := v.hand[d.Record.ID]
	if known || stray || v.mayTakeMore() {
		if stray && !h.stray {
			v.strays++
		}
		h.debt, h.stray = d, stray || h.stray
		v.hand[d.Record.ID] = h
	}
}

// mayTakeMore is for the holder of mu.
func (v *revoker) mayTakeMore() bool { return v.volatile || len(v.hand) < handful }

// forget drops a debt that is paid, or that another has; unless it has been
// claimed anew since.
func (v *revoker) forget(d storage.Revocation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.hand[d.Record.ID]
	if !h.debt.Due.Equal(d.Due) {
		return
	}
	delete(v.hand, d.Record.ID)
	if h.stray {
		v.strays--
	}
}

func (v *revoker) isStray(d storage.Revocation) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.hand[d.Record.ID].stray
}
