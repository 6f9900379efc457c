package browser

import (
	"context"
	"net/url"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport"
)

// logins are the logins that are being finished in this page. Concurrent callers share
// one call.
type logins struct {
	flights singleflight.Group

	mu       sync.Mutex
	returnTo string // of a login that was finished but not returned to a caller yet
}

// LoginCallback finishes a login on the page at Config.RedirectURI: it exchanges
// the code in the page's address for a session, which replaces the previous one,
// and removes code and state from the address. It returns the session and
// LoginOptions.ReturnTo, a path of the site. In the window of [Passport.LoginPopup]
// it passes the login to the page that opened it, closes the window and returns
// ErrPopup, unless that page is gone or does not answer within a second. It does
// neither if ctx is done first.
//
// It may be called more than once, for example by components that mount twice: a
// login continues when ctx is done, and the next call returns it. Reloading the
// page is harmless. If the address has no state, such as ?code=success from a mail,
// the page is not the return from a login: LoginCallback leaves the address alone
// and returns the current session and "/".
//
// Errors are those of FinishLogin of package passport, or of Session.
// passport.ErrNoLogin may also mean that the user was signed out, in another tab,
// since the login was begun. With an error, the path is empty unless the login is known:
// after a login with Prompt none that found nobody signed in, go on there.
func (p *Passport) LoginCallback(ctx context.Context) (*passport.Session, string, error) {
	values := query()
	answered := values.Has("code") || values.Has("error")
	if answered {
		if err := handOver(ctx); err != nil {
			return nil, "", err
		}
	}
	if !values.Has("state") || !answered {
		s, err := p.Session(ctx)
		if err != nil && answered {
			err = errNoState
		}
		return s, p.logins.take("/"), err
	}
	done := p.logins.flights.DoChan(values.Get("state"), func() (any, error) {
		p.work.Add(1)
		defer p.work.Done()
		return p.finishHere(p.life, values)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, r.Val.(string), explainAlone(r.Err)
		}
		p.logins.take("")
		s, err := p.Session(ctx)
		return s, r.Val.(string), err
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
}

// responseParams are what the response to a login may have: RFC 6749 §4.1.2 and
// §4.1.2.1, RFC 9207 §2, and OpenID Connect Session Management 1.0 §2.
var responseParams = []string{"code", "state", "iss", "session_state", "error", "error_description", "error_uri"}

// finishHere finishes the login whose response is in the page's address, and returns
// where the user wanted to go, also with an error if the login is known.
func (p *Passport) finishHere(ctx context.Context, values url.Values) (returnTo string, err error) {
	in, err := p.finishLogin(ctx, values)
	tidied := tidy(responseParams...)
	if err != nil {
		return in.ReturnTo, err
	}
	if tidied != nil {
		p.c.Logger.WarnContext(ctx, "browser: the code is used, but stays in the page's address", "error", tidied)
	}
	p.logins.leave(in.ReturnTo)
	return in.ReturnTo, nil
}

func (l *logins) leave(returnTo string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returnTo = returnTo
}

// take returns the last login's returnTo, once, or fallback.
func (l *logins) take(fallback string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	returnTo := l.returnTo
	l.returnTo = ""
	if returnTo == "" {
		return fallback
	}
	return returnTo
}
