package native

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/provider"
)

// Login signs the user in: it opens the browser, waits until it comes back, and
// begins a new session, which replaces the previous one. If the last logout is not
// known to be complete, the login asks for credentials, as BeginLogin of package
// passport does; [Passport.UnfinishedLogout] says whether that has finished it.
// o.ReturnTo is ignored.
//
// passport.ErrNoLogin: the user was signed out in the meantime, here or in another
// process, or a browser other than the one that was opened interfered.
// ErrNoBrowser: no browser could be opened, none opened the page that leads to the login
// in time, or it came by another address, as where a port is forwarded under another
// number; use LoginWithDevice. A *passport.ProviderError, whose Code is
// access_denied if the user declined: the auth domain refused.
// context.DeadlineExceeded: the browser did not come back within
// Config.LoginTimeout. The error of ctx: it was done first. Other errors are as for
// FinishLogin of package passport, or the port of Config.RedirectURI is in use. The
// previous session survives all of them.
//
// At the end, the browser shows a page with the result.
func (p *Passport) Login(ctx context.Context, o passport.LoginOptions) (*passport.Session, error) {
	before, err := p.withoutPendingLogout(ctx)
	if err != nil {
		return nil, err
	}
	l, err := p.openLoopback(p.login)
	if err != nil {
		return nil, err
	}
	defer p.release(l)
	engine := p.engine.WithPort(l.port)
	a := &attempt{now: p.c.Now, path: p.login.Path, begin: func(ctx context.Context, b passport.BrowserState) (string, passport.BrowserState, error) {
		address, begun, err := engine.BeginLogin(ctx, b, o)
		if err == nil {
			_, err = p.current.update(ctx, func(s *userState) { s.addLogins(begun) })
		}
		return address, begun, err
	}}
	if err := a.start(ctx, before.browserState()); err != nil {
		return nil, err
	}
	address := l.start(a.address, a.isReturn, p.serveOther(l))
	wait, cancel := context.WithTimeout(ctx, p.c.LoginTimeout)
	defer cancel()
	if err := p.openBrowser(wait, l, address); err != nil {
		return nil, err
	}
	r, err := l.wait(wait)
	if err != nil {
		return nil, explainWait(l, err)
	}
	id := assignBrowserID(r, p.c.ClientID)
	in, err := p.finishLogin(ctx, engine, a.browserState(), r.URL.Query(), id)
	if err != nil {
		l.answer(refusalPage(err))
		return nil, err
	}
	l.answer(signedInPage.withBrowserID(p.c.ClientID, id))
	return in.Session, nil
}

// finishLogin finishes the login in b, from which the browser has come back with
// query, and makes its session the current one.
func (p *Passport) finishLogin(ctx context.Context, engine *passport.Passport, b passport.BrowserState, query url.Values, browserID string) (passport.LoginResult, error) {
	now, err := p.current.load(ctx)
	if err != nil {
		return passport.LoginResult{}, err
	}
	begun := b.Logout
	b.Session, b.Logout, b.LogoutFinished = passport.Secret(now.Session), passport.Secret(now.Logout), now.LogoutFinished
	in, after, err := engine.FinishLogin(ctx, b, query)
	if err == nil {
		return in, p.adopt(ctx, in, after, browserID)
	}
	if errors.Is(err, passport.ErrNoLogin) {
		err = errors.Join(err, p.doubt(ctx, begun))
	}
	return in, err
}

// doubt is called when a logout has stopped a login. It marks the logout as unfinished
// even if the browser has come back from it, since the Passport session may be a later
// one, of the login. begun is the last logout before the login.
func (p *Passport) doubt(ctx context.Context, begun passport.Secret) error {
	_, err := p.current.update(ctx, func(s *userState) {
		if s.Logout != begun.Reveal() {
			s.LogoutFinished = false
		}
	})
	return err
}

// serveOther serves what is not the return from the login at l. There are providers that
// leave out the state when they refuse a request, so their error is remembered: it may be
// anybody's, and does not end the login.
func (p *Passport) serveOther(l *loopback) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if refused := provider.Refusal(r.URL.Query()); refused != nil && refused.Code != "" && r.URL.Path == p.login.Path && l.launch.isFrom(r) {
			l.stateless.Store(refused)
			if p.c.Logger != nil {
				p.c.Logger.WarnContext(r.Context(), "native: the browser came back with an error, and without the login's state", "error", refused.Code)
			}
		}
		l.showUnexpected(w, r)
	}
}

// explainWait explains why the browser has not come back from a login at l.
func explainWait(l *loopback, err error) error {
	switch {
	case errors.Is(err, ErrNoBrowser):
		return err
	case errors.Is(err, context.DeadlineExceeded) && !l.hasLaunched():
		return fmt.Errorf("%w: the one that was to start did not open the login's page, or it keeps no cookies: %w", ErrNoBrowser, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		if refused := l.stateless.Load(); refused != nil {
			return fmt.Errorf("native: the browser did not come back from the login, but with the error %s and without the login's state: check the registration: %w", refused.Code, err)
		}
		return fmt.Errorf("native: the browser did not come back from the login: %w", err)
	}
	return errors.Join(err, passport.ErrNoLogin)
}

// LoginWithDevice signs the user in where there is no browser: it calls show with a
// code and the page where the user enters it, in a browser on any device, and waits
// until they have done so. The new session replaces the previous one. It calls show in a
// goroutine of its own, and waits meanwhile: show may return at once, or when the user
// presses a key or closes a window. An error of show ends the login.
//
// Nothing is known of the browser that they use, so a logout from such a session is
// at best passport.OutcomeUnconfirmed. Errors are those of BeginDeviceLogin and
// FinishDeviceLogin of package passport, and passport.ErrNoLogin as for Login.
func (p *Passport) LoginWithDevice(ctx context.Context, show func(passport.DeviceLogin) error) (*passport.Session, error) {
	before, err := p.withoutPendingLogout(ctx)
	if err != nil {
		return nil, err
	}
	d, err := p.engine.BeginDeviceLogin(ctx)
	if err != nil {
		return nil, err
	}
	in, err := p.finishShown(ctx, d, show)
	if err != nil {
		return nil, err
	}
	after := before.browserState() // an unfinished logout is about another browser
	after.Session = in.SessionID
	if err := p.adopt(ctx, in, after, ""); err != nil {
		return nil, err
	}
	return in.Session, nil
}

// errLoggedOut is returned for a login that a logout has overtaken.
var errLoggedOut = fmt.Errorf("native: the user was signed out before the login was finished: %w", passport.ErrNoLogin)

// finishShown finishes d while show shows it. Who has allowed the login is signed in,
// whatever becomes of show.
func (p *Passport) finishShown(ctx context.Context, d passport.DeviceLogin, show func(passport.DeviceLogin) error) (passport.LoginResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends when show does
		if err := show(d); err != nil {
			cancel(err)
		}
	}()
	in, err := p.engine.FinishDeviceLogin(ctx, d)
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && !errors.Is(cause, context.Canceled) {
		err = cause // of show
	}
	return in, err
}

// adopt makes a new session the current one, unless there has been a logout since the
// last one in b, the result of the login. It ends a session that cannot become the
// current one.
func (p *Passport) adopt(ctx context.Context, in passport.LoginResult, b passport.BrowserState, browserID string) error {
	loggedOut := false
	before, err := p.current.update(ctx, func(s *userState) {
		if loggedOut = s.Ending || s.Logout != b.Logout.Reveal(); loggedOut {
			s.LogoutFinished = false // the Passport session may be this login's
			return
		}
		if s.ID != "" {
			s.Replaced = append(slices.Clone(s.Replaced), s.ID)
		}
		s.Session, s.ID, s.BrowserID = in.SessionID.Reveal(), in.Session.ID(), browserID
		s.LogoutFinished = b.LogoutFinished
	})
	if err == nil && loggedOut {
		err = errLoggedOut
	}
	if err != nil {
		_, endErr := p.engine.EndSession(ctx, in.Session.ID())
		return errors.Join(err, endErr)
	}
	p.endReplaced(ctx, before.Replaced)
	p.endReplaced(ctx, []string{before.ID})
	return nil
}

// endReplaced ends sessions that later ones have replaced. Those that it cannot end
// yet are left to the next Session or Logout of any process.
func (p *Passport) endReplaced(ctx context.Context, ids []string) {
	for _, id := range ids {
		if id == "" {
			continue
		}
		_, err := p.engine.EndSession(ctx, id)
		if err == nil {
			_, err = p.current.update(ctx, func(s *userState) {
				s.Replaced = slices.DeleteFunc(slices.Clone(s.Replaced), func(other string) bool { return other == id })
				if len(s.Replaced) == 0 {
					s.Replaced = nil
				}
			})
		}
		if err != nil && p.c.Logger != nil {
			p.c.Logger.WarnContext(ctx, "native: the session before a login could not be ended yet", "error", err)
		}
	}
}
