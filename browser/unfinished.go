package browser

import (
	"context"
	"net/url"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
)

// UnfinishedLogout reports a logout from this browser that is not known to have
// ended the Passport session, so that the program can offer the URL that does.
// It is false if there is none, or if the browser's storage could not answer.
func (p *Passport) UnfinishedLogout(ctx context.Context) (passport.Logout, bool) {
	s, err := p.state.load(ctx)
	if err != nil {
		return passport.Logout{}, false
	}
	return p.engine.UnfinishedLogout(ctx, s.browser())
}

// isLogoutReturn reports whether a page with these parameters may be the return from
// a logout: of a discovered provider, whose logins come back with a code as well.
func isLogoutReturn(values url.Values, discovered bool) bool {
	return values.Has(authdomain.ReturnParam) || discovered && values.Has("state") && !values.Has("code") && !values.Has("error")
}

// noticeReturn looks whether the page is the return from the last logout. Only at
// top level has the auth domain been given its cookie for certain.
func (p *Passport) noticeReturn(ctx context.Context) error {
	values := query()
	if !isLogoutReturn(values, p.c.Discover) || !atTop() {
		return nil
	}
	s, err := p.state.load(ctx)
	if err != nil || s.Finished {
		return err
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

// checkReturn says what it proves that a window has come back with these parameters,
// at top level, and notes it.
func (p *Passport) checkReturn(ctx context.Context, s state, values url.Values) (passport.Outcome, error) {
	outcome, b := p.engine.CheckLogoutReturn(ctx, s.browser(), passport.LogoutReturn{Query: values, Way: passport.ReturnTopLevel})
	if !b.LogoutFinished {
		return outcome, nil
	}
	return outcome, p.state.finish(ctx, s.Logout)
}
