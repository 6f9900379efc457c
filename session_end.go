package passport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/internal/marks"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/storage"
)

// endSession removes a session from the store, and returns what becomes of the app
// session: see [Logout.App]. If it is gone, the caller has its refresh token revoked.
func (p *Passport) endSession(ctx context.Context, id string, event EventName) (Outcome, *storage.Revocation, error) {
	p.revoker.Begin()
	call, cancel := p.records.BoundCalls(ctx)
	defer cancel()
	asked := p.askedFor(event)
	before := p.readToEnd(call, id, asked)
	removed, err := p.deleteSession(call, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return OutcomeSkipped, removed, errors.Join(p.absenceSafe(err, id, event), p.endBearersBy(call, asked, before))
	case err != nil && !notSafe(err):
		p.retries.Add(id, &unendedSession{p: p, id: id, event: event, asked: asked})
		if event == EventLogout {
			p.notices.Announce(id) // whoever hears of it serves the session no more
		}
		return OutcomeFailed, removed, errors.Join(storeError(err), p.endBearersBy(call, asked, before))
	}
	gone := []storage.Record{removed.Record}
	err = errors.Join(p.makeSafe(err, event, gone...), p.endBearersBy(call, asked, gone...))
	p.announceEnd(Event{Name: event, Context: ctx}, gone...)
	return appOutcome(err), removed, err
}

// endHeld is endSession at the logout of a browser that holds the session's secret, if it
// holds any.
func (p *Passport) endHeld(ctx context.Context, secret Secret) (Outcome, *storage.Revocation, error) {
	if !records.Plausible(secret.Reveal()) {
		return OutcomeSkipped, new(storage.Revocation), nil
	}
	return p.endSession(ctx, p.records.SessionID(secret.Reveal()), EventLogout)
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

// announceEnd tells everybody that sessions have ended, and has this process remember it.
// about has what their events have in common.
func (p *Passport) announceEnd(about Event, records ...storage.Record) {
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
			p.retries.Add(rec.ID, &unendedSession{p: p, id: rec.ID, event: event, gone: true, asked: p.askedFor(event)})
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
	p.retries.AddUpTo(mostAbsences, id, &unendedSession{p: p, id: id, event: event, gone: true, asked: p.askedFor(event)})
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

	// asked is the logout that ends its bearer tokens: a login that came later keeps its
	// own. nil: none.
	asked *marks.Logout
}

// askedFor is the logout that ends bearer tokens with a session. nil: none does.
func (p *Passport) askedFor(event EventName) *marks.Logout {
	if event != EventLogout || !p.c.BearerTokens {
		return nil
	}
	return p.newMarks()
}

// readPatience is how long the end of a session waits for what is known of it.
const readPatience = 500 * time.Millisecond

// readToEnd reads a session that asked is about to end, if that may be known from nothing
// else: a store may be read although nothing can be written, and it may have removed the
// session although its answer was lost. The record is empty if it could not be read soon.
func (p *Passport) readToEnd(ctx context.Context, id string, asked *marks.Logout) storage.Record {
	if asked == nil || p.records.InProcess() {
		return storage.Record{}
	}
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	rec, err := p.records.Load(ctx, id)
	if err != nil {
		return storage.Record{}
	}
	return rec
}

func (u *unendedSession) Do(ctx context.Context) error {
	_ = u.p.endBearersBy(ctx, u.asked, u.p.readToEnd(ctx, u.id, u.asked)) // waits in its turn
	removed, err := u.p.revoker.Delete(ctx, u.id)
	if errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrNotReplicated) {
		return nil
	}
	if err != nil && !notSafe(err) {
		return err
	}
	_ = u.p.makeSafe(err, u.event, removed.Record)
	_ = u.p.endBearersBy(ctx, u.asked, removed.Record)
	about := Event{Name: u.event}
	if (u.gone || u.event == EventSessionReturned) && u.p.records.Ended().HasSession(u.id) {
		about = Event{Name: EventSessionReturned, Err: errReturned}
	}
	u.p.announceEnd(about, removed.Record)
	u.p.revoker.RevokeOne(removed)
	return nil
}

// After keeps what the older one has still to do: a logout ends bearer tokens too, and
// a session that is not known to be gone lives on.
func (u *unendedSession) After(older retry.Job) retry.Job {
	if o, ok := older.(*unendedSession); ok {
		u.gone = u.gone && o.gone
		if o.event == EventLogout && u.event != EventLogout {
			u.event, u.asked = EventLogout, o.asked
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
