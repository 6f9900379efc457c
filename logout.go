package passport

import (
	"context"
	"errors"
)

// EndSession logs out one session, by its [Session.ID]: it removes the app session
// from the store, revokes the refresh token, and returns the URL that the user's
// browser must visit to end the Passport session. An unknown ID is not an error:
// App is OutcomeSkipped, and the browser still has to visit the URL.
//
// Unless an error is returned, the session is gone from the store, whatever the
// auth domain does and even if ctx is cancelled. EndSession waits for the
// revocation up to Config.RevocationWait. A failed revocation is retried with
// back-off, and is not an error.
func (p *Passport) EndSession(ctx context.Context, id string) (Logout, error) {
	if !p.records.Owns(id) { // maybe of another client that shares the store
		id = ""
	}
	ctx, span := p.within(ctx, OperationLogout)
	app, removed, err := p.endSession(ctx, id, EventLogout)
	l := logoutOf(p.c.LogoutMode, app)
	hint, state := p.hintOf(&removed.Record), p.newLogoutState(removed.Record.SID)
	p.keepHint(ctx, state, hint)
	p.planVisit(ctx, &l, hint, state)
	if l.App.gone() {
		l.Revocation = p.revokeAndWait(ctx, *removed)
	}
	span.Ended(err)
	return l, err
}

// EndBrowserSession logs out a browser: it ends the browser's session and every
// login in progress there, in all its tabs. It returns the URL that the browser
// must visit to end the Passport session, and what the browser has to keep: no
// session, and the state of this logout, which [Passport.CheckLogoutReturn]
// recognises and which makes the next login ask for credentials. [Passport.Logout]
// uses it.
//
// A browser without a session is not an error: App is OutcomeSkipped, and the
// browser still has to visit the URL. EndBrowserSession does not wait for the
// revocation: Revocation is OutcomePending, OutcomeSkipped if the session had no
// refresh token, or OutcomeUnsupported.
//
// If the Store cannot answer, App is OutcomeFailed and the error is
// ErrStoreUnavailable. The browser still has to keep the returned BrowserState; the
// session in the Store is ended in the background while the process runs. Cancelling
// ctx does not stop the call, which takes at most ten seconds.
//
// It cannot see where the request comes from: call it only for a POST from a page of
// your own, or other sites can sign your users out.
func (p *Passport) EndBrowserSession(ctx context.Context, b BrowserState) (Logout, BrowserState, error) {
	ctx, span := p.within(ctx, OperationLogout)
	app, removed, err := p.endHeld(ctx, b.Session)
	l := logoutOf(p.c.LogoutMode, app)
	if l.App.gone() {
		l.Revocation = p.expectedRevocation(&removed.Record)
		p.revoker.RevokeOne(removed)
		tellRemoved(ctx, b.Session, &removed.Record)
	}
	stopped, stopErr := p.stopLogins(ctx, b, l.App, removed.Record.ID)
	if stopErr != nil && !notSafe(stopErr) {
		l.App, stopErr = OutcomeFailed, storeError(stopErr)
	}
	err = errors.Join(err, stopErr)
	if stopped > 0 {
		l.Ended += stopped
		if l.App == OutcomeSkipped {
			l.App, l.Revocation = OutcomeDone, OutcomePending
		}
	}
	if l.App == OutcomeDone {
		l.App = appOutcome(err)
	}
	state, hint := p.keepLogoutState(ctx, &b, &l, &removed.Record)
	p.planVisit(ctx, &l, hint, state)
	span.Ended(err)
	return l, BrowserState{Logout: l.State}, err
}

// UnfinishedLogout returns a browser's last logout if it is not known to have ended
// the Passport session, so that the program can offer the URL that does. Without such a
// logout in b, it does not call the Store.
//
// With Config.Discover the URL names the session to the provider, as the logout did.
// While the provider cannot be reached, it leads to RedirectURI, where LoginCallback
// tries again. It is empty if the provider has no end-session endpoint: then nothing
// ends its session.
func (p *Passport) UnfinishedLogout(ctx context.Context, b BrowserState) (Logout, bool) {
	if !p.logoutUnfinished(ctx, b) {
		return Logout{}, false
	}
	l := newLogout(p.c.LogoutMode)
	if p.c.Discover {
		l.State, l.URL = b.Logout, p.finishURL(ctx, b.Logout)
	} else {
		p.planVisit(ctx, &l, logoutHint{}, b.Logout)
	}
	l.Mode, l.Passport = LogoutRedirect, OutcomeUnconfirmed
	return l, true
}
