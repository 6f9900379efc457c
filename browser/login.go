package browser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
)

// Login leaves the page for the auth domain, to sign the user in; the browser
// comes back to Config.RedirectURI. It returns before the page is gone. o.Browser
// is kept in the sessionStorage of the tab, so that several tabs can sign in at
// once.
//
// After a logout that is not known to have ended the Passport session, it asks
// for prompt=login, so that nobody is signed straight back in.
//
// An error means that the page stays: the browser's storage could not answer, or
// with Config.Discover the provider could not be discovered.
func (p *Passport) Login(ctx context.Context, o passport.LoginOptions) error {
	last, err := p.unfinished.last(ctx)
	if err != nil {
		return fmt.Errorf("browser: the last logout could not be looked up: %w", err)
	}
	if last.Logout != "" && !last.Over && last.Guard == "" { // the page was gone before there was one
		o.Prompt = authdomain.AskForCredentials(o.Prompt)
	}
	binding, err := p.loadBrowser()
	if err != nil {
		return err
	}
	address, b, err := p.engine.BeginLogin(ctx, browserState(binding, last), o)
	if err != nil {
		return err
	}
	if err := p.saveBrowser(b.Logins[0]); err != nil {
		return err
	}
	if err := assign(address); err != nil {
		return fmt.Errorf("browser: the page cannot be left for the login: %w", err)
	}
	return nil
}

// browserState is what the engine has to know of this tab.
func browserState(binding passport.Secret, last doubt) passport.BrowserState {
	b := passport.BrowserState{Logout: passport.Secret(last.Guard), LogoutFinished: last.Over}
	if binding != "" {
		b.Logins = []passport.Secret{binding}
	}
	return b
}

func (p *Passport) loadBrowser() (passport.Secret, error) {
	item := window.Get("sessionStorage").Call("getItem", p.loginItem)
	return passport.Secret(item.Text()), noSessionStorage(item.Err())
}

func (p *Passport) saveBrowser(browser passport.Secret) error {
	return noSessionStorage(window.Get("sessionStorage").Call("setItem", p.loginItem, browser.Reveal()).Err())
}

func noSessionStorage(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("browser: a login needs sessionStorage, so allow cookies and site data for the site: %w", err)
}

// LoginCallback finishes a login, on the page at Config.RedirectURI: it trades
// the code in the page's address for a session, which takes the place of the one
// before, and takes code and state out of the address. It returns the session,
// and LoginOptions.ReturnTo: a path of the site, for the program to go to or to
// show. Loading the page again does no harm; where there is no code in the
// address, LoginCallback returns the session that is there, and "/".
//
// Errors are those of FinishLogin of package passport, or of Session.
// passport.ErrNoLogin may also mean that the user was signed out, in another tab,
// while the code was being traded.
func (p *Passport) LoginCallback(ctx context.Context) (*passport.Session, string, error) {
	values := query()
	if !values.Has("code") && !values.Has("error") {
		s, err := p.Session(ctx)
		return s, "/", err
	}
	browser, err := p.loadBrowser()
	if err != nil {
		return nil, "", err
	}
	last, err := p.unfinished.last(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("browser: the last logout could not be looked up: %w", err)
	}
	in, after, err := p.engine.FinishLogin(ctx, browserState(browser, last), values)
	tidied := tidy("code", "state", "iss", "error", "error_description")
	if err != nil {
		return nil, "", err
	}
	if tidied != nil {
		p.log().WarnContext(ctx, "browser: the code is used, but stays in the page's address", "error", tidied)
	}
	if err := p.confirmLogin(ctx, in, last, after.LogoutFinished || last.Guard == ""); err != nil {
		return nil, "", err
	}
	s, err := p.Session(ctx)
	return s, in.ReturnTo, err
}

// confirmLogin ends a new session again if there was a logout since last, the one
// before the login was finished, or if that cannot be found out. Otherwise, if it has
// finished last, there is no doubt about that any more.
func (p *Passport) confirmLogin(ctx context.Context, in passport.LoginResult, last doubt, finished bool) error {
	now, err := p.unfinished.last(ctx)
	if err != nil {
		err = fmt.Errorf("browser: the last logout could not be looked up: %w", err)
	} else if now.Logout != last.Logout {
		err = errOvertaken
	}
	if err != nil {
		p.doubt(ctx, doubt{Logout: rand.Text()}) // the Passport session may have begun after that logout
		_, endErr := p.engine.EndSession(ctx, in.Session.ID())
		return errors.Join(err, endErr)
	}
	if !finished || last.Logout == "" {
		return nil
	}
	if err := p.unfinished.finish(ctx, last.Logout); err != nil {
		p.log().WarnContext(ctx, "browser: the end of the last logout could not be noted", "error", err)
	}
	return nil
}

var errOvertaken = fmt.Errorf("browser: the user was signed out before the login was finished: %w", passport.ErrNoLogin)
