package passport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/internal/revocation"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// endSession removes a session from the store, and returns what becomes of the app
// session: see [Logout.App]. If it is gone, the caller has its refresh token revoked.
func (p *Passport) endSession(ctx context.Context, id string, event EventName) (Outcome, *storage.Revocation, error) {
	p.revoker.Begin()
	call, cancel := p.records.BoundCalls(ctx)
	defer cancel()
	removed, err := p.deleteSession(call, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return OutcomeSkipped, removed, p.absenceSafe(err, id, event)
	case err != nil && !notSafe(err):
		p.retries.Add(id, &unendedSession{p: p, id: id, event: event})
		return OutcomeFailed, removed, storeError(err)
	}
	gone := []storage.Record{removed.Record}
	err = p.makeSafe(err, event, gone...)
	if event == EventLogout {
		err = errors.Join(err, p.endBearersOf(call, gone...))
	}
	p.ended(Event{Name: event, Context: ctx}, gone...)
	return appOutcome(err), removed, err
}

// endOwn is endSession for the browser that holds the session's secret.
func (p *Passport) endOwn(ctx context.Context, secret Secret, event EventName) (Outcome, *storage.Revocation, error) {
	return p.endSession(ctx, p.records.SessionID(string(secret)), event)
}

// endAny is endOwn for a browser that may have no session.
func (p *Passport) endAny(ctx context.Context, secret Secret) (Outcome, *storage.Revocation, error) {
	if !records.Plausible(secret.Reveal()) {
		return OutcomeSkipped, new(storage.Revocation), nil
	}
	return p.endOwn(ctx, secret, EventLogout)
}

// deleteSession removes a session for a request that waits, and enqueues its revocation,
// as [revocation.Worker.Delete] does. What it returns is never nil.
func (p *Passport) deleteSession(ctx context.Context, id string) (removed *storage.Revocation, err error) {
	err = p.records.Write(ctx, func() error {
		removed, err = p.revoker.Delete(ctx, id)
		return err
	})
	if removed == nil { // the store was not asked
		removed = new(storage.Revocation)
	}
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

// ended tells everybody that sessions have ended: about has what their events have
// in common.
func (p *Passport) ended(about Event, records ...storage.Record) {
	var few [1]string
	ids := few[:0]
	for i := range records {
		ids = append(ids, records[i].ID)
	}
	p.notices.Announce(ids...)
	for i := range records {
		r := &records[i]
		about.Session, about.Subject, about.SID = r.ID, r.Subject, r.SID
		p.emit(about)
	}
}

// A store that fails over may lose the last that it has answered: a session is back
// after its logout. Two things stand against that. A store that waits for its replicas
// says of a write that they have not confirmed it (storage.ErrNotReplicated); the
// logout is pending then, and is done again until they have. And what this process
// knows to have ended stays so for it (package ended), whatever the store says.

// makeSafe has the end of sessions done again, if err says that it is not safe. It
// returns err.
func (p *Passport) makeSafe(err error, event EventName, removed ...storage.Record) error {
	if notSafe(err) {
		for _, rec := range removed {
			p.retries.Add(rec.ID, &unendedSession{p: p, id: rec.ID, event: event, gone: true})
		}
	}
	return err
}

// absenceSafe has a logout that found no session done again, if err says that a
// fail-over may undo that: a primary that is cut off does not know of the sessions that
// began elsewhere, or of an earlier logout that is pending. It returns what is wrong.
func (p *Passport) absenceSafe(err error, id string, event EventName) error {
	if id == "" || !errors.Is(err, storage.ErrNotReplicated) {
		return nil
	}
	p.retries.AddUpTo(mostAbsences, id, &unendedSession{p: p, id: id, event: event, gone: true})
	return fmt.Errorf("passport: no session was found: %w", storage.ErrNotReplicated)
}

// mostAbsences is how much may wait before a logout that found no session does not:
// anybody can ask for one, and each may take all the time that a store waits for its
// replicas.
const mostAbsences = 1_000

// A logout that the store could not carry out is tried again (see package retry): its
// browser has forgotten the session, and nobody else will come.

// unendedSession is a session that waits for the store to be ended.
type unendedSession struct {
	p     *Passport
	id    string
	event EventName // to tell of
	gone  bool      // it has been ended, and waits for the store's replicas
}

func (u *unendedSession) Do(ctx context.Context) error {
	removed, err := u.p.revoker.Delete(ctx, u.id)
	if errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrNotReplicated) {
		return nil
	}
	if err != nil && !notSafe(err) {
		return err
	}
	_ = u.p.makeSafe(err, u.event, removed.Record)
	if u.event == EventLogout {
		_ = u.p.endBearersOf(ctx, removed.Record) // waits in its turn
	}
	about := Event{Name: u.event}
	if u.p.records.Ended().HasSession(u.id) {
		about = Event{Name: EventSessionReturned, Err: errReturned}
	}
	u.p.ended(about, removed.Record)
	u.p.revoker.RevokeOne(removed)
	return nil
}

// After keeps what the older one has still to do: a logout ends bearer tokens too, and
// a session that is not known to be gone lives on.
func (u *unendedSession) After(older retry.Job) retry.Job {
	if o, ok := older.(*unendedSession); ok {
		u.gone = u.gone && o.gone
		if o.event == EventLogout {
			u.event = EventLogout
		}
	}
	return u
}

func (u *unendedSession) Loses() bool { return !u.gone }

func waitsForReplicas(j retry.Job) bool {
	u, ok := j.(*unendedSession)
	return ok && u.gone
}

var errReturned = errors.New("passport: the store had a session again that had ended, as it may after a fail-over")

// endAgain ends a session that has come back. The request that has found it does not
// wait.
func (p *Passport) endAgain(rec storage.Record) {
	job := &unendedSession{p: p, id: rec.ID, event: EventSessionReturned}
	if p.retries.Waits(rec.ID) {
		return
	}
	p.tasks.Start(func(ctx context.Context) {
		call, cancel := p.records.Bound(ctx)
		defer cancel()
		if job.Do(call) != nil {
			p.retries.Add(rec.ID, job)
		}
	})
}

// rememberEnded notes that all sessions that m selects had ended at a moment.
func (p *Passport) rememberEnded(m storage.Match, at time.Time) {
	switch {
	case m.Except != "" || m.SID != "" && m.Subject != "":
	case m.SID != "":
		p.records.Ended().Owner(ended.OfSID(m.SID), at)
	default:
		p.records.Ended().Owner(ended.OfSubject(m.Subject), at)
	}
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
