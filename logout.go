package passport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/storage"
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
	p.sendTo(ctx, &l, hint, state)
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
	app, removed, err := p.endAny(ctx, b.Session)
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
	state, hint := p.stateOfLogout(ctx, &b, &l, &removed.Record)
	p.sendTo(ctx, &l, hint, state)
	span.Ended(err)
	return l, BrowserState{Logout: l.State}, err
}

// logoutUnfinished reports whether this browser has a logout behind it that is not
// known to be complete: a store that does not answer finishes no logout, and of a
// discovered provider only the next login shows whether its session has ended.
func (p *Passport) logoutUnfinished(ctx context.Context, b BrowserState) bool {
	return b.lastLogout().Unfinished() && (p.c.Discover || !p.confirmed(ctx, b))
}

// confirmed reports whether a logout token came for the session of the browser's last
// logout. A discovered provider may have asked the user, who may have declined, and
// sends one even so: for this client the session has ended.
func (p *Passport) confirmed(ctx context.Context, b BrowserState) bool {
	session := logoutstate.Session(b.Logout.Reveal())
	if session == "" {
		return false
	}
	_, err := p.records.Load(ctx, p.confirmation(Secret(session)).ID)
	return err == nil
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
		p.sendTo(ctx, &l, logoutHint{}, b.Logout)
	}
	l.Mode, l.Passport = LogoutRedirect, OutcomeUnconfirmed
	return l, true
}

// unreadSession is the context of a logout. The logout takes the session out of
// the store in one round trip, without having looked for it before. Whoever asks
// for the session all the same finds it: before the logout in the store, and
// afterwards as it was when it was removed, as code around the handler does
// that notes down who it was.
type unreadSession struct {
	context.Context
	p      *Passport
	secret Secret

	removed atomic.Pointer[storage.Record] // by the logout

	mu      sync.Mutex
	session *Session // nil until somebody asks
	none    bool     // it was asked for, and there is none
}

type unreadKey struct{}

// tellRemoved tells the context of a logout what the logout has removed. It
// waits for nobody. A request may go through several Passports, or several times
// through one, each of which has a context of its own in it.
func tellRemoved(ctx context.Context, secret Secret, rec *storage.Record) {
	c, _ := ctx.Value(unreadKey{}).(*unreadSession)
	for c != nil {
		if c.secret == secret {
			c.removed.Store(rec)
		}
		c, _ = c.Context.Value(unreadKey{}).(*unreadSession)
	}
}

func (c *unreadSession) Value(key any) any {
	switch key.(type) {
	case unreadKey:
		return c
	case sessionKey:
		return c.look()
	}
	return c.Context.Value(key)
}

func (c *unreadSession) look() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	removed := c.removed.Load()
	if c.session != nil || c.none && removed == nil {
		return c.session
	}
	s := &Session{p: c.p}
	var err error
	if removed != nil {
		s.rec = *removed
		s.head, err = c.p.records.OpenHeadOnce(&s.rec)
	} else {
		err = c.p.find(c.Context, c.secret, s)
	}
	if err == nil {
		c.session = s
	}
	c.none = errors.Is(err, ErrNoSession)
	return c.session
}

// Format keeps the secret out of what prints a context, whatever the verb.
func (c *unreadSession) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.unreadSession")
}
