package passport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/revocation"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

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

// deleteSession removes a session for a request that waits, and enqueues its revocation,
// as [revocation.Worker.Delete] does. What it returns is never nil.
func (p *Passport) deleteSession(ctx context.Context, id string) (*storage.Revocation, error) {
	removed := new(storage.Revocation)
	err := p.records.Write(ctx, func() (err error) {
		*removed, err = p.revoker.Delete(ctx, id)
		return err
	})
	return removed, err
}

// deleteSessions is deleteSession for all that m selects.
func (p *Passport) deleteSessions(ctx context.Context, m storage.Match) (removed []storage.Revocation, err error) {
	err = p.records.Write(ctx, func() error {
		removed, err = p.revoker.DeleteMatching(ctx, p.records.OwnSessions(m))
		return err
	})
	return removed, err
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

// unreadableToken tells a record that another instance may be able to open from one
// that nobody can.
func unreadableToken(err error) revocation.Answer {
	answer := revocation.Answer{
		Outcome: revocation.Failed,
		Err:     fmt.Errorf("passport: the refresh token of a pending revocation cannot be read: %w", err),
	}
	if errors.Is(err, seal.ErrNoKey) || errors.Is(err, envelope.ErrLater) {
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
