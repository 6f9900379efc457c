package browser

import (
	"context"
	"net/url"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/logoutstate"
)

// UnfinishedLogout reports a logout from this browser that is not known to have
// ended the Passport session, so that the program can offer the URL that does.
// It is false if there is none, or if the browser's storage did not answer. The URL is
// empty if a discovered provider has none, or cannot be asked for it now.
func (p *Passport) UnfinishedLogout(ctx context.Context) (passport.Logout, bool) {
	s, err := p.lastState(ctx)
	if err != nil {
		return passport.Logout{}, false
	}
	return p.unfinished(ctx, s)
}

// unfinished leaves out a URL at RedirectURI, where a server would find out the provider's.
func (p *Passport) unfinished(ctx context.Context, s state) (passport.Logout, bool) {
	l, there := p.engine.UnfinishedLogout(ctx, s.browser())
	if p.c.Discover && isForServers(l.URL, p.c.RedirectURI) {
		l.URL = ""
	}
	return l, there
}

// isForServers reports whether address is RedirectURI with the parameter that a server
// finishes a logout by. The provider's own addresses may begin like RedirectURI.
func isForServers(address, redirectURI string) bool {
	u, err := url.Parse(address)
	if err != nil || !u.Query().Has(logoutstate.PostedParam) {
		return false
	}
	back, err := url.Parse(redirectURI)
	return err == nil && u.Scheme == back.Scheme && u.Host == back.Host && u.EscapedPath() == back.EscapedPath()
}

// lastState returns the state, as it will be once the last logout is noted.
func (p *Passport) lastState(ctx context.Context) (state, error) {
	name, _, err := p.sessions.PendingSignOut() // first, since it is forgotten once it is noted
	if err != nil {
		return state{}, err
	}
	s, err := p.state.load(ctx)
	if err != nil || name == "" || s.notes(name) {
		return s, err
	}
	return state{Logout: name}, nil
}

// isLogoutReturn reports whether a page with these parameters may be the return from a
// logout. A discovered provider returns a state from both, but a code only from a login.
func isLogoutReturn(values url.Values, discovered bool) bool {
	return values.Has(authdomain.ReturnParam) || discovered && values.Has("state") && !values.Has("code") && !values.Has("error")
}

// noticeReturn checks whether the page is the return from the last logout. Only at top
// level is it certain that the auth domain got its cookie.
func (p *Passport) noticeReturn(ctx context.Context) error {
	values := query()
	if !isLogoutReturn(values, p.c.Discover) || !atTop() {
		return nil
	}
	s, err := p.state.load(ctx)
	if err != nil || s.Finished {
		return err
	}
	if s.Provisional != "" && values.Get(authdomain.ReturnParam) == s.Provisional { // UnfinishedLogout was asked before the logout was over
		values.Set(authdomain.ReturnParam, s.Logout)
	}
	outcome, err := p.checkReturn(ctx, s, values)
	if err != nil || outcome == passport.OutcomePending {
		return err
	}
	if p.c.Discover {
		return tidy("state")
	}
	return tidy(authdomain.ReturnParam)
}

// checkReturn says what a window's return with these parameters, at top level, proves,
// and records it.
func (p *Passport) checkReturn(ctx context.Context, s state, values url.Values) (passport.Outcome, error) {
	outcome, b := p.engine.CheckLogoutReturn(ctx, s.browser(), passport.LogoutReturn{Query: values, Way: passport.ReturnTopLevel})
	if !b.LogoutFinished {
		return outcome, nil
	}
	return outcome, p.state.finish(ctx, s.Logout)
}
