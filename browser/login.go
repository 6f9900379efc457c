package browser

import (
	"context"
	"fmt"
	"net/url"

	"github.com/passport-go/passport"
)

// Login leaves the page for the auth domain to sign the user in; the browser comes
// back to Config.RedirectURI, in this tab or another one. Login returns before the
// page is gone.
//
// After a logout that is not known to have ended the Passport session, it asks
// for credentials, so that nobody is signed straight back in.
//
// After an error the page stays. ErrEmbedded: the page is in another page's frame,
// where the auth domain's pages may not be shown: use [Passport.LoginPopup].
// ErrOffline: the auth domain cannot be reached. Other errors are those of
// BeginLogin of package passport, or the browser's storage did not answer.
func (p *Passport) Login(ctx context.Context, o passport.LoginOptions) error {
	if !atTop() {
		return ErrEmbedded
	}
	address, _, err := p.beginLogin(ctx, o)
	if err != nil {
		return err
	}
	if err := p.reach(ctx); err != nil {
		return err
	}
	if err := assign(address); err != nil {
		return fmt.Errorf("browser: the page cannot navigate to the login: %w", err)
	}
	return nil
}

// beginLogin begins a login that any tab of the browser can finish, until the user
// signs out.
func (p *Passport) beginLogin(ctx context.Context, o passport.LoginOptions) (address string, begun passport.BrowserState, err error) {
	if err := p.makeUp(ctx); err != nil {
		return "", begun, err
	}
	if err := p.keepKey(ctx); err != nil {
		return "", begun, err
	}
	for {
		s, err := p.state.load(ctx)
		if err != nil {
			return "", begun, fmt.Errorf("browser: the logins in progress could not be looked up: %w", err)
		}
		address, b, err := p.engine.BeginLogin(ctx, s.browser(), o)
		if err != nil {
			return "", begun, err
		}
		noted := false
		err = p.state.update(ctx, func(now *state) {
			if noted = now.Logout == s.Logout; !noted { // and the login would be none any more
				return
			}
			now.Begun = p.c.Now()
			for _, login := range b.Logins {
				now.addLogin(login.Reveal())
			}
		})
		if err != nil {
			return "", begun, fmt.Errorf("browser: the login could not be noted: %w", err)
		}
		if noted {
			return address, b, nil
		}
	}
}

// finishLogin finishes a login that came back with these parameters.
func (p *Passport) finishLogin(ctx context.Context, values url.Values) (passport.LoginResult, error) {
	if err := p.makeUp(ctx); err != nil {
		return passport.LoginResult{}, err
	}
	s, err := p.state.load(ctx)
	if err != nil {
		return passport.LoginResult{}, fmt.Errorf("browser: the logins in progress could not be looked up: %w", err)
	}
	in, b, err := p.engine.FinishLogin(ctx, s.browser(), values)
	if err == nil && b.LogoutFinished && !s.Finished {
		p.note(ctx, "the end of the last logout is not noted", func(ctx context.Context) error { return p.state.finish(ctx, s.Logout) })
	}
	return in, err
}
