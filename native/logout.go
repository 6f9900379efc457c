package native

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/passport-go/passport"
)

// Logout signs the user out of the program and of Passport. It first removes the
// session from the store, and revokes its refresh token as EndSession of package
// passport describes. Then it opens the browser, which visits the auth domain's
// logout, and waits for its return for Config.LogoutTimeout, or until ctx is done.
//
// Logout.Passport is passport.OutcomeDone if that browser is the one that the user
// signed in with, and OutcomeUnconfirmed otherwise: if it does not come back, if it
// is another one, or if the provider may have asked the user. It is OutcomePending
// if no browser could be opened; the user then has to visit Logout.URL. Unless it
// is OutcomeDone, the next Login asks for credentials. Call Logout again to retry,
// even if the user is signed out.
//
// The error joins what went wrong: the Store did not answer (App is OutcomeFailed);
// ErrNoBrowser; the port of Config.LogoutRedirectURI is in use; ctx was done before
// the browser came back; a browser other than the one that was opened interfered. A
// browser that does not come back in time is not an error.
func (p *Passport) Logout(ctx context.Context) (passport.Logout, error) {
	engine := p.engine
	loop, portErr := p.openLoopback(p.logout)
	if portErr == nil {
		defer p.release(loop)
		engine = engine.WithPort(loop.port)
	}
	l, browserID, err := p.end(ctx, engine)
	err = errors.Join(err, portErr)
	if l.Passport != passport.OutcomePending {
		return l, err // the provider has no logout page to send the browser to
	}
	if ctx.Err() != nil {
		return l, errors.Join(err, fmt.Errorf("native: the browser was not opened in time: %w", ctx.Err()))
	}
	wait, cancel := context.WithTimeout(ctx, p.c.LogoutTimeout)
	defer cancel()
	if portErr != nil {
		sendErr := p.sendBrowser(wait, &l)
		return l, errors.Join(err, sendErr)
	}
	address := loop.start(always(l.URL), p.isReturnFrom(engine, l), p.servePosted(loop, engine, l))
	if openErr := p.openBrowser(wait, loop, address); openErr != nil {
		return l, errors.Join(err, openErr)
	}
	r, waitErr := loop.wait(wait)
	if !errors.Is(waitErr, ErrNoBrowser) {
		l.Passport = passport.OutcomeUnconfirmed
	}
	if waitErr != nil {
		return l, errors.Join(err, explainLogoutWait(ctx, waitErr))
	}
	var another bool
	l.Passport, another = p.judgeReturn(engine, l, r, browserID)
	if l.Passport == passport.OutcomeDone {
		_, doneErr := p.current.update(ctx, func(s *userState) { s.finish(l.State) })
		err = errors.Join(err, doneErr)
	}
	loop.answer(signedOutPage(l.App, l.Passport, another))
	return l, err
}

// sendBrowser sends the browser to the logout when it cannot come back because the
// registered port is taken. The launch page uses another port.
func (p *Passport) sendBrowser(ctx context.Context, l *passport.Logout) error {
	anyPort := *p.logout
	anyPort.Host = hostOnly(p.logout)
	loop, err := p.openLoopback(&anyPort)
	if err != nil {
		return err
	}
	defer p.release(loop)
	address := loop.start(always(l.URL), noReturn, loop.showUnexpected)
	if err := p.openBrowser(ctx, loop, address); err != nil {
		return err
	}
	var failed error
	select {
	case <-loop.launched:
		loop.awaitQuiet(closeTimeout)
	case failed = <-loop.failed:
	case <-ctx.Done():
	}
	if !errors.Is(failed, ErrNoBrowser) {
		l.Passport = passport.OutcomeUnconfirmed
	}
	return failed
}

// always is for a URL that does not get old.
func always(url string) func(context.Context) string {
	return func(context.Context) string { return url }
}

// noReturn matches no request.
func noReturn(*http.Request) bool { return false }

// explainLogoutWait explains why the wait for the browser ended early. It returns nil
// if the wait simply timed out.
func explainLogoutWait(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("native: the browser was not waited for: %w", ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return nil
	}
	return err
}

// LogoutLocal signs the user out of the program only: it removes the session from
// the store and revokes its refresh token. The Passport session in the browser goes
// on, so Logout.Passport is passport.OutcomePending; Logout.URL is empty, because
// Logout visits it. The next Login asks for credentials.
func (p *Passport) LogoutLocal(ctx context.Context) (passport.Logout, error) {
	l, _, err := p.end(ctx, p.engine)
	l.URL, l.State, l.Passport = "", "", passport.OutcomePending
	return l, err
}

// end ends the current session and the logins in progress, and returns the ID of the
// browser that the user signed in with. It stores what it is about to do first, so
// that another process can do it if this one dies.
func (p *Passport) end(ctx context.Context, engine *passport.Passport) (_ passport.Logout, browserID string, _ error) {
	before, err := p.current.update(ctx, func(s *userState) { s.Ending = true })
	if err != nil {
		l, err := p.endUnwritten(ctx, engine, before, err)
		return l, before.BrowserID, err
	}
	l, endErr := p.carryOut(ctx, engine, before)
	p.endReplaced(ctx, before.Replaced)
	if l.App == passport.OutcomeSkipped && before.ID != "" {
		l.App = passport.OutcomeDone // by another process, which has read what was stored
	}
	return l, before.BrowserID, endErr
}

// endUnwritten ends the session of s although err kept the store from recording that a
// logout has begun. If the store is full, the session that is gone has made room for the
// outcome.
func (p *Passport) endUnwritten(ctx context.Context, engine *passport.Passport, s userState, err error) (passport.Logout, error) {
	l, after, endErr := p.endBrowserSession(ctx, engine, s)
	switch l.App {
	case passport.OutcomeDone:
		_, err = p.current.update(ctx, func(now *userState) {
			if now.Session == s.Session { // there is no later login
				now.signOut(s.Session, after)
			}
		})
	case passport.OutcomeSkipped:
		l.App = passport.OutcomeFailed // there may be a session, but its ID is unknown
	}
	return l, errors.Join(err, endErr)
}

// carryOut carries out the logout that has begun in s, and stores the resulting
// state.
func (p *Passport) carryOut(ctx context.Context, engine *passport.Passport, s userState) (passport.Logout, error) {
	l, after, err := p.endBrowserSession(ctx, engine, s)
	if err != nil {
		return l, err
	}
	_, err = p.current.update(ctx, func(now *userState) {
		if !now.Ending { // another process has finished it, and there may be a later login
			return
		}
		now.signOut(s.Session, after)
	})
	return l, err
}

// signOut makes s the state after a logout that has ended session, if there was one. b
// is its outcome.
func (s *userState) signOut(session string, b passport.BrowserState) {
	if s.Session == session {
		s.Session, s.ID = "", ""
	}
	s.Logins, s.Ending = nil, false
	s.Logout, s.LogoutFinished = b.Logout.Reveal(), b.LogoutFinished
}

// endBrowserSession is EndBrowserSession of package passport, except that it waits a
// while for the revocation, as EndSession does, because the program may exit now.
func (p *Passport) endBrowserSession(ctx context.Context, engine *passport.Passport, s userState) (passport.Logout, passport.BrowserState, error) {
	work, cancel := withGrace(ctx)
	defer cancel()
	b := s.browserState()
	if s.ID == "" {
		return engine.EndBrowserSession(work, b)
	}
	l, err := engine.EndSession(work, s.ID)
	rest, after, restErr := engine.EndBrowserSession(work, passport.BrowserState{Logins: b.Logins, Logout: l.State})
	l.Ended += rest.Ended
	if after.Logout != l.State { // it also ended a login that had already begun a session
		l.URL, l.State = rest.URL, rest.State
	}
	return l, after, errors.Join(err, restErr)
}

// withoutPendingLogout returns the state of the user, after carrying out a logout that
// another process has begun but not finished.
func (p *Passport) withoutPendingLogout(ctx context.Context) (userState, error) {
	s, err := p.current.load(ctx)
	if err != nil || !s.Ending {
		return s, err
	}
	if _, err := p.carryOut(ctx, p.engine, s); err != nil {
		return s, err
	}
	return p.current.load(ctx)
}

// finish records that the last logout is complete, if it is the one with that state.
func (s *userState) finish(state passport.Secret) {
	if s.Logout == state.Reveal() && s.Logout != "" {
		s.LogoutFinished = true
	}
}

// isReturnFrom matches the requests by which the browser comes back from l.
func (p *Passport) isReturnFrom(engine *passport.Passport, l passport.Logout) func(*http.Request) bool {
	return func(r *http.Request) bool {
		if r.URL.Path != p.logout.Path {
			return false
		}
		outcome, _ := engine.CheckLogoutReturn(r.Context(), passport.BrowserState{Logout: l.State}, passport.LogoutReturn{Query: r.URL.Query()})
		return outcome != passport.OutcomePending
	}
}

// servePosted serves the page that posts a logout request which is too long for a URL,
// to the browser of the launch.
func (p *Passport) servePosted(loop *loopback, engine *passport.Passport, l passport.Logout) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == p.login.Path && r.URL.Query().Has("logout") && loop.launch.isFrom(r) {
			to, form, err := engine.PostedLogout(r.Context(), passport.BrowserState{Logout: l.State}, r.URL.Query())
			switch {
			case err == nil && form == nil:
				http.Redirect(w, r, to, http.StatusSeeOther)
				return
			case err == nil:
				loop.pages.ServePost(w, r, to, form)
				return
			}
		}
		loop.showUnexpected(w, r)
	}
}

// judgeReturn says what the browser's return from l proves, and whether it is not the
// browser that the user signed in with.
func (p *Passport) judgeReturn(engine *passport.Passport, l passport.Logout, r *http.Request, signedIn string) (_ passport.Outcome, another bool) {
	if signedIn == "" {
		return passport.OutcomeUnconfirmed, false
	}
	if browserID(r, p.c.ClientID) != signedIn {
		return passport.OutcomeUnconfirmed, true
	}
	outcome, _ := engine.CheckLogoutReturn(r.Context(), passport.BrowserState{Logout: l.State},
		passport.LogoutReturn{Query: r.URL.Query(), Way: passport.ReturnTopLevel})
	return outcome, false
}
