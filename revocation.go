package passport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/revocation"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// What a logout takes out of the store becomes a pending revocation in the same step
// (revocation.Worker.Delete). Here its refresh token is revoked, and the rest of the
// program hears what became of it. How many run at once, and when one is tried again, is
// up to the worker.

// newRevoker returns the worker of the store's queue, or of one in memory if the
// store has none.
func newRevoker(p *Passport) *revocation.Worker {
	store := p.measured(p.c.Store)
	queue, durable := p.c.Store.(storage.RevocationQueue)
	p.counter, _ = p.c.Store.(storage.RevocationCounter)
	switch {
	case !durable:
		beside := memory.New(memory.Options{Now: p.c.Now, RevocationLimit: -1})
		queue, p.counter = revocation.WithQueue(store, beside), beside
	case !p.records.InProcess():
		queue = p.meter.Queue(queue)
	}
	return revocation.New(revocation.Config{
		Store:        store,
		Queue:        queue,
		Volatile:     !durable || p.records.InProcess(),
		Tenant:       p.records.Tenant(),
		StoreTimeout: records.Timeout,
		Revoke:       p.revokeToken,
		Report:       p.reportRevocation,
		Tasks:        p.tasks,
		Now:          p.c.Now,
		Logger:       p.c.Logger,
	})
}

// revokeToken has the refresh token in a removed record revoked.
func (p *Passport) revokeToken(ctx context.Context, r storage.Record) revocation.Answer {
	token, err := p.records.OpenRefreshToken(r)
	if err != nil {
		return unreadableToken(err)
	}
	if token == "" {
		return revocation.Answer{Outcome: revocation.Skipped}
	}
	p.counts.revocations.Add(1)
	ctx, span := p.within(ctx, OperationRevocation)
	err = providerError(p.provider.Revoke(ctx, token))
	span.Ended(err)
	var refused *provider.RevocationError
	switch {
	case err == nil:
		return revocation.Answer{Outcome: revocation.Done}
	case errors.Is(err, provider.ErrNoRevocation):
		return revocation.Answer{Outcome: revocation.Unsupported}
	case !errors.As(err, &refused):
		return revocation.Answer{Outcome: revocation.Pending, Err: err}
	case refused.Final:
		return revocation.Answer{Outcome: revocation.Failed, Err: err}
	}
	return revocation.Answer{Outcome: revocation.Pending, Err: err, RetryAfter: refused.Err.RetryAfter}
}

// unreadableToken tells a record that another instance may be able to read, because it
// has the key or is of a later version, from one that was tampered with.
func unreadableToken(err error) revocation.Answer {
	answer := revocation.Answer{
		Outcome: revocation.Failed,
		Err:     fmt.Errorf("passport: the refresh token of a pending revocation cannot be read: %w", err),
	}
	if !errors.Is(err, seal.ErrOpen) {
		answer.Outcome, answer.Unreadable = revocation.Pending, true
	}
	return answer
}

func (p *Passport) reportRevocation(e revocation.Event) {
	name := EventRevocationRetry
	switch e.Outcome {
	case revocation.Done:
		name = EventRevocationDone
	case revocation.Failed:
		name = EventRevocationFailed
	}
	p.emit(Event{Name: name, Session: e.Record.ID, Subject: e.Record.Subject, SID: e.Record.SID, Err: e.Err})
}

// revocationOutcome is the [Outcome] of a revocation.
func revocationOutcome(o revocation.Outcome) Outcome {
	switch o {
	case revocation.Skipped:
		return OutcomeSkipped
	case revocation.Done:
		return OutcomeDone
	case revocation.Unsupported:
		return OutcomeUnsupported
	case revocation.Failed:
		return OutcomeFailed
	}
	return OutcomePending
}

// enqueueToken enqueues the refresh token of t, which belongs to no stored session,
// and begins to revoke it.
func (p *Passport) enqueueToken(from storage.Record, t tokens) {
	if t.RefreshToken == "" {
		return
	}
	r := p.records.New(storage.KindToken, rand.Text())
	r.Subject, r.SID, r.Expiry = from.Subject, from.SID, p.c.Now().Add(revocation.MaxAge)
	p.revoker.Enqueue(p.records.Seal(r, tokens{RefreshToken: t.RefreshToken}.marshal()))
}

// revokeAndWait revokes, waits for the outcomes for up to Config.RevocationWait, and
// returns the worst.
func (p *Passport) revokeAndWait(ctx context.Context, revocations ...storage.Revocation) Outcome {
	revoked := make(chan revocation.Outcome, len(revocations))
	p.revoker.RevokeTo(revoked, revocations...)
	timer := time.NewTimer(p.c.RevocationWait)
	defer timer.Stop()
	sum := OutcomeSkipped
	for range revocations {
		select {
		case o := <-revoked:
			sum = worse(sum, revocationOutcome(o))
		case <-timer.C:
			return worse(sum, OutcomePending)
		case <-ctx.Done():
			return worse(sum, OutcomePending)
		}
	}
	return sum
}

// expectedRevocation is the expected outcome for the refresh token of a removed
// session. A session of an earlier version does not say that it has none.
func (p *Passport) expectedRevocation(rec *storage.Record) Outcome {
	if h, err := p.records.OpenHeadLast(rec); err == nil && h.NoRefreshToken {
		return OutcomeSkipped
	}
	return OutcomePending
}

// PendingRevocations counts the refresh tokens that have yet to be revoked: those of all
// instances that share the Store, and those that only this instance knows of because
// the Store could not take them. It makes a call to the Store whose cost may grow with
// their number, and takes at most ten seconds: call it a few times a minute.
//
// errors.ErrUnsupported: the Store has a queue but does not implement
// storage.RevocationCounter. ErrStoreUnavailable: it could not answer. ErrClosed: Close
// was called, so the Store may be closed, too.
func (p *Passport) PendingRevocations(ctx context.Context) (storage.RevocationCount, error) {
	if p.counter == nil {
		return storage.RevocationCount{}, fmt.Errorf("passport: the store cannot count revocations: %w", errors.ErrUnsupported)
	}
	if p.tasks.Stopping().Err() != nil {
		return storage.RevocationCount{}, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, records.Timeout)
	defer cancel()
	n, err := p.meter.Count(ctx, p.counter, p.records.Tenant())
	if err != nil {
		return storage.RevocationCount{}, storeError(err)
	}
	return p.revoker.WithUnqueued(n), nil
}
