package native

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/passport-go/passport"
)

// Logout signs the user out of the program and of Passport. The session is gone
// from the store first, whatever happens then. Its refresh token is revoked as
// EndSession of package passport describes. Then the browser opens, visits the
// auth domain's logout, and comes back, which is waited for until
// Config.LogoutTimeout or ctx is over.
//
// Logout.Passport is Done if that browser is the one that the user signed in
// with, and Unconfirmed otherwise: if it does not come back, if it is another
// one, if the provider may have asked the user. It is Pending if no browser could
// be opened; somebody has to visit Logout.URL then. Unless it is Done the next
// Login asks for credentials. Calling Logout again tries again, also if the user
// is signed out.
//
// The error joins what went wrong: the Store did not answer, and App is Failed;
// ErrNoBrowser; the port of Config.LogoutRedirectURI is taken; ctx was done
// before the browser came back. A browser that does not come back in time is not
// an error.
func (p *Passport) Logout(ctx context.Context) (passport.Logout, error) {
	engine := p.engine
	d, deskErr := openDesk(p.logout)
	if deskErr == nil {
		defer d.close()
		engine = engine.WithPort(d.port)
	}
	name := rand.Text()
	l, mark, err := p.end(ctx, engine, name)
	if l.Passport != passport.OutcomePending {
		return l, errors.Join(err, deskErr) // the provider has nowhere to send the browser to
	}
	if ctx.Err() != nil {
		return l, errors.Join(err, fmt.Errorf("native: the browser was not opened any more: %w", ctx.Err()))
	}
	wait, cancel := context.WithTimeout(ctx, p.c.LogoutTimeout)
	defer cancel()
	if openErr := p.c.OpenBrowser(wait, l.URL); openErr != nil {
		return l, errors.Join(err, deskErr, openErr)
	}
	l.Passport = passport.OutcomeUnconfirmed
	if deskErr != nil {
		return l, errors.Join(err, deskErr)
	}
	if l.Passport = p.awaitReturn(wait, d, engine, l, mark); l.Passport == passport.OutcomeDone {
		_, doneErr := p.current.update(ctx, func(s *standing) { s.finish(name) })
		return l, errors.Join(err, doneErr)
	}
	if ctx.Err() != nil {
		err = errors.Join(err, fmt.Errorf("native: the browser was not waited for: %w", ctx.Err()))
	}
	return l, err
}

// LogoutLocal signs the user out of the program alone: the session is gone from
// the store, and its refresh token is revoked. The Passport session in the
// browser lives on, so Logout.Passport is Pending; Logout.URL is empty, for
// Logout visits it. The next Login asks for credentials.
func (p *Passport) LogoutLocal(ctx context.Context) (passport.Logout, error) {
	l, _, err := p.end(ctx, p.engine, rand.Text())
	l.URL, l.State, l.Passport = "", "", passport.OutcomePending
	return l, err
}

// end ends the current session, in the logout of that name, and returns the mark
// of the browser that the user signed in with. What is to happen is written down
// before, so that another process can do it if this one dies.
func (p *Passport) end(ctx context.Context, engine *passport.Passport, name string) (_ passport.Logout, mark string, _ error) {
	before, err := p.current.update(ctx, func(s *standing) {
		s.Unfinished, s.LastLogout = name, name
		if s.ID != "" {
			s.Ending = true
		}
	})
	l, endErr := p.carryOut(ctx, engine, before.ID)
	p.endReplaced(ctx, before.Replaced)
	switch {
	case l.App != passport.OutcomeSkipped:
	case err != nil:
		l.App = passport.OutcomeFailed // there may be a session, and nobody could say which
	case before.ID != "":
		l.App = passport.OutcomeDone // by another process, which has read what was written down
	}
	return l, before.Browser, errors.Join(err, endErr)
}

// carryOut ends the session that is about to be ended, if there is one.
func (p *Passport) carryOut(ctx context.Context, engine *passport.Passport, id string) (passport.Logout, error) {
	l, err := engine.EndSession(ctx, id)
	if err != nil || id == "" {
		return l, err
	}
	_, err = p.current.update(ctx, func(s *standing) {
		if s.ID == id { // and not that of a login since
			s.Secret, s.ID, s.Ending = "", "", false
		}
	})
	return l, err
}

// finish notes that the logout of that name need not be remembered any more.
func (s *standing) finish(name string) {
	if s.Unfinished == name { // and not a later one
		s.Unfinished = ""
	}
}

// awaitReturn waits for the browser's return from a logout, and says what it
// proves if mark is that of the browser that the user signed in with.
func (p *Passport) awaitReturn(ctx context.Context, d *desk, engine *passport.Passport, l passport.Logout, mark string) passport.Outcome {
	for {
		v, err := d.next(ctx)
		if err != nil {
			return passport.OutcomeUnconfirmed
		}
		if v.path == p.login.Path && v.query.Has("logout") {
			v.pass(engine.LoginCallback) // a request that is too long for a URL
			continue
		}
		outcome := passport.OutcomePending
		if v.path == p.logout.Path {
			outcome = engine.CheckLogoutReturn(l.State, v.query)
		}
		if outcome == passport.OutcomePending {
			v.answer(strangerPage)
			continue
		}
		another := mark != "" && v.cookie(p.c.ClientID) != mark
		if another || mark == "" {
			outcome = passport.OutcomeUnconfirmed
		}
		v.answer(signedOutPage(l.App, outcome, another))
		return outcome
	}
}
