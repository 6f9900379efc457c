package passport

import (
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// EndBrowserSession logs out a browser: it ends the session that the browser has,
// and every login that was begun there before, in whichever tab and however far it
// has come. It says what the browser must visit to end the Passport session, and
// returns what the browser has to keep: no session, and the state of this logout,
// which [Passport.CheckLogoutReturn] recognises and which makes the next login ask
// for credentials. It is what [Passport.Logout] does.
//
// A browser without a session is no error: App is OutcomeSkipped, and the browser
// has to visit the URL all the same. The revocation is not waited for: Revocation is
// OutcomePending, OutcomeSkipped if the session had no refresh token, or
// OutcomeUnsupported.
//
// If the Store cannot answer, App is OutcomeFailed and the error is
// ErrStoreUnavailable. The browser has to forget its session and its logins all the
// same; what is in the store is ended in the background, for as long as the process
// lives. The call is not cancelled with ctx, and takes no longer than ten seconds.
func (p *Passport) EndBrowserSession(ctx context.Context, b BrowserState) (Logout, BrowserState, error) {
	l := p.newLogout()
	var removed storage.Revocation
	var err error
	if plausibleID(b.Session.Reveal()) {
		l, removed, err = p.endOwn(ctx, b.Session, EventLogout)
	}
	if l.App == OutcomeDone {
		l.Revocation = p.expectedRevocation(removed.Record)
		p.revoker.pay(removed)
		tellRemoved(ctx, b.Session, removed.Record)
	}
	stopped, stopErr := p.stopLogins(ctx, b, l.App, removed.Record.ID)
	if stopErr != nil {
		l.App, err = OutcomeFailed, errors.Join(err, storeError(stopErr))
	}
	if stopped > 0 {
		l.Ended += stopped
		if l.App == OutcomeSkipped {
			l.App, l.Revocation = OutcomeDone, OutcomePending
		}
	}
	p.sendTo(ctx, &l, removed.Record, p.stateOfLogout(b, l, removed.Record.SID))
	return l, BrowserState{Logout: l.State}, err
}

// stateOfLogout is the state of a logout of the browser b from the Passport session
// sid, if that is known. A browser that was not signed in may log out once more, to
// finish the same logout.
func (p *Passport) stateOfLogout(b BrowserState, l Logout, sid string) Secret {
	if l.App != OutcomeDone && b.lastLogout().Unfinished() {
		return b.Logout
	}
	return p.newLogoutState(sid)
}

// expectedRevocation says what will become of the refresh token of a session that
// has been removed.
func (p *Passport) expectedRevocation(rec storage.Record) Outcome {
	if t, err := openTokens(p.c.keys, rec); err == nil && t.RefreshToken == "" {
		return OutcomeSkipped
	}
	return OutcomePending
}

// mostRetired bounds how many bindings of one browser a logout asks the store for.
// More come from nobody but those who make them up.
const mostRetired = 8

// stopLogins stops the logins of a browser, with what has become of its session: the
// one with the ID ended has. It returns how many sessions it has ended besides. It
// asks the store only if a login was begun there within the last ten minutes.
func (p *Passport) stopLogins(ctx context.Context, b BrowserState, app Outcome, ended string) (sessions int, err error) {
	if len(b.Logins) == 0 {
		return 0, nil
	}
	bindings := b.Logins[:min(len(b.Logins), mostRetired)]
	if app == OutcomeFailed { // the store has been waited for long enough
		p.retries.addBindings(bindings)
		return 0, nil
	}
	call, cancel := p.storeCall(ctx)
	defer cancel()
	for i, binding := range bindings {
		n, err := p.stopLogin(call, binding, app, ended)
		sessions += n
		if err != nil {
			p.retries.addBindings(bindings[i:])
			return sessions, err
		}
	}
	return sessions, nil
}

// stopLogin retires a binding and ends the sessions that it has begun, except the one
// with the ID ended, which has ended.
func (p *Passport) stopLogin(ctx context.Context, binding Secret, app Outcome, ended string) (sessions int, err error) {
	if !plausibleID(binding.Reveal()) {
		return 0, nil
	}
	begun, err := p.retire(ctx, binding, app)
	for _, id := range begun {
		if id == ended {
			continue
		}
		l, removed, endErr := p.endSession(ctx, id, EventLogout)
		if l.App == OutcomeDone {
			p.revoker.pay(removed)
			sessions++
		}
		err = errors.Join(err, endErr)
	}
	if errors.Is(err, storage.ErrFull) {
		p.c.Logger.ErrorContext(ctx, "passport: the store is full, so a login that was begun before a logout may end after it", "error", err)
		return sessions, nil
	}
	return sessions, err
}
