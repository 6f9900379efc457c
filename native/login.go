package native

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
)

// Login signs the user in: it opens the browser, waits until that comes back,
// and begins a new session, which takes the place of the one before. If the last
// logout is not known to be complete, it asks for prompt=login beside what
// o.Prompt asks for. o.ReturnTo and o.Browser have no meaning here.
//
// passport.ErrNoLogin: the user was signed out meanwhile, here or in another
// process; a login never undoes a logout that came after it was begun.
// ErrNoBrowser: no browser could be opened; LoginWithDevice is the way out. A
// *passport.ProviderError, whose Code is access_denied if the user chose not to:
// the auth domain refused. context.DeadlineExceeded: the browser did not come
// back within Config.LoginTimeout. The error of ctx: it was done first. Otherwise
// as for FinishLogin of package passport, or the port of Config.RedirectURI is
// taken. None of them ends the session before.
//
// The browser ends at a page that says what has come of it. ctx, unless it ends
// before, bounds how long Session.Done is kept up.
func (p *Passport) Login(ctx context.Context, o passport.LoginOptions) (*passport.Session, error) {
	now, err := p.current.load(ctx)
	if err != nil {
		return nil, err
	}
	if now.Unfinished != "" {
		o.Prompt = authdomain.AskForCredentials(o.Prompt)
	}
	l, err := p.openLoopback(p.login)
	if err != nil {
		return nil, err
	}
	defer p.release(l)
	engine := p.engine.WithPort(l.port)
	loginURL, b, err := engine.BeginLogin(ctx, passport.BrowserState{}, o)
	if err != nil {
		return nil, err
	}
	address := l.start(loginURL, isReturnTo(p.login.Path, "state", stateOf(loginURL)), strangerPage.serve)
	wait, cancel := context.WithTimeout(ctx, p.c.LoginTimeout)
	defer cancel()
	if err := p.c.OpenBrowser(wait, address); err != nil {
		return nil, err
	}
	r, err := l.wait(wait)
	if err != nil {
		return nil, explainWait(err)
	}
	in, _, err := engine.FinishLogin(ctx, b, r.URL.Query())
	id := assignBrowserID(r, p.c.ClientID)
	if err == nil {
		err = p.adopt(ctx, in, id, now)
	}
	if err != nil {
		l.answer(refusalPage(err))
		return nil, err
	}
	l.answer(signedInPage.withBrowserID(p.c.ClientID, id))
	return in.Session, nil
}

// explainWait says why a login has not come back.
func explainWait(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("native: the browser did not come back from the login: %w", err)
	}
	return errors.Join(err, passport.ErrNoLogin)
}

// isReturnTo tells the requests for path whose parameter of that name has this
// value.
func isReturnTo(path, parameter, value string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.URL.Path == path && value != "" && r.URL.Query().Get(parameter) == value
	}
}

// stateOf is the state that a login sends along, and that its return brings back.
func stateOf(loginURL string) string {
	u, err := url.Parse(loginURL)
	if err != nil {
		return ""
	}
	return u.Query().Get("state")
}

// LoginWithDevice signs the user in where there is no browser: it has show tell
// them where to enter which code, and waits until they have done so, in a browser
// on any device. The new session takes the place of the one before. An error of
// show ends the login.
//
// Nothing is known of the browser that they use, so a logout from such a session
// is never more than passport.OutcomeUnconfirmed. Errors are those of BeginDeviceLogin
// and FinishDeviceLogin of package passport, and passport.ErrNoLogin as for Login.
func (p *Passport) LoginWithDevice(ctx context.Context, show func(passport.DeviceLogin) error) (*passport.Session, error) {
	now, err := p.current.load(ctx)
	if err != nil {
		return nil, err
	}
	now.Unfinished = "" // it is about another browser
	d, err := p.engine.BeginDeviceLogin(ctx)
	if err != nil {
		return nil, err
	}
	if err := show(d); err != nil {
		return nil, err
	}
	in, err := p.engine.FinishDeviceLogin(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := p.adopt(ctx, in, "", now); err != nil {
		return nil, err
	}
	return in.Session, nil
}

// errOvertaken is for a login that a logout was faster than.
var errOvertaken = fmt.Errorf("native: the user was signed out before the login was finished: %w", passport.ErrNoLogin)

// adopt makes a new session the current one, and ends the one that was. begun is
// how the user stood when the login began, which has asked for credentials if a
// logout was unfinished. A session that cannot become the current one is ended.
func (p *Passport) adopt(ctx context.Context, in passport.LoginResult, browserID string, begun standing) error {
	overtaken := false
	before, err := p.current.update(ctx, func(s *standing) {
		if overtaken = s.LastLogout != begun.LastLogout; overtaken {
			s.Unfinished = in.Session.ID() // its Passport session may have begun after the logout
			return
		}
		s.Replaced = strings.TrimSpace(s.Replaced + " " + s.ID)
		s.Secret, s.ID, s.Ending = in.SessionID.Reveal(), in.Session.ID(), false
		s.Browser = browserID
		s.finish(begun.Unfinished)
	})
	if err == nil && overtaken {
		err = errOvertaken
	}
	if err != nil {
		_, endErr := p.engine.EndSession(ctx, in.Session.ID())
		return errors.Join(err, endErr)
	}
	p.endReplaced(ctx, before.Replaced+" "+before.ID)
	return nil
}

// endReplaced ends sessions that others have taken the place of. Those that it
// cannot end yet are left to the next Session or logout, in whichever process.
func (p *Passport) endReplaced(ctx context.Context, ids string) {
	for _, id := range strings.Fields(ids) {
		_, err := p.engine.EndSession(ctx, id)
		if err == nil {
			_, err = p.current.update(ctx, func(s *standing) {
				left := slices.DeleteFunc(strings.Fields(s.Replaced), func(other string) bool { return other == id })
				s.Replaced = strings.Join(left, " ")
			})
		}
		if err != nil && p.c.Logger != nil {
			p.c.Logger.WarnContext(ctx, "native: the session before a login could not be ended yet", "error", err)
		}
	}
}
