package native_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
)

func discovered(d *desktop) func(*native.Config) {
	return func(c *native.Config) { c.Discover, c.Issuer, c.AuthDomain = true, d.auth.URL+"/", "" }
}

// What a browser is started with, any user of the machine can read.
func TestTheCommandLineOfTheBrowserHoldsNothingSecret(t *testing.T) {
	d := newDesktop(t)
	p := d.run(discovered(d))
	d.login(p)
	_, err := p.Logout(t.Context())
	require.NoError(t, err)
	d.shown()
	require.Len(t, d.opened, 2)
	require.NotEmpty(t, d.auth.Requests("/oidc/logout")[0].Query.Get("id_token_hint"))
	for _, address := range d.opened {
		assert.Regexp(t, `^http://127\.0\.0\.1:[0-9]+/open/[A-Z2-7]{26}$`, address)
	}
}

func TestTheFirstPageIsARedirectThatNobodyKeeps(t *testing.T) {
	d := newDesktop(t)
	d.surfBy(func(address string) {
		res, err := http.DefaultTransport.RoundTrip(request(t, http.MethodGet, address))
		if assert.NoError(t, err) {
			assert.NoError(t, res.Body.Close())
			d.pages <- page{status: res.StatusCode, header: res.Header}
		}
	})
	p := d.run(func(c *native.Config) { c.LoginTimeout = 1e9 })
	_, err := p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	first := d.shown()
	assert.Equal(t, http.StatusSeeOther, first.status)
	assert.Equal(t, "no-store", first.header.Get("Cache-Control"))
	assert.Equal(t, "no-referrer", first.header.Get("Referrer-Policy"))
	assert.True(t, strings.HasPrefix(first.header.Get("Location"), d.auth.URL+"/authorize?"))
	cookie := first.header.Get("Set-Cookie")
	assert.Contains(t, cookie, "HttpOnly")
	assert.Contains(t, cookie, "SameSite=Lax")
	assert.NotContains(t, first.header.Get("Location"), strings.Split(strings.SplitN(cookie, "=", 2)[1], ";")[0])
}

func request(t *testing.T, method, address string) *http.Request {
	r, err := http.NewRequest(method, address, nil)
	assert.NoError(t, err)
	return r
}

// status is what the answer to r is, without following it.
func (d *desktop) status(browser *http.Client, r *http.Request) int {
	stop := *browser
	stop.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := stop.Do(r)
	if !assert.NoError(d.t, err) {
		return 0
	}
	assert.NoError(d.t, res.Body.Close())
	return res.StatusCode
}

func TestALookInAdvanceDoesNotUseUpTheFirstPage(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		assert.Equal(t, 405, d.status(browser, request(t, http.MethodHead, address)))
		for _, header := range [][2]string{{"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"}, {"X-Purpose", "preview"}, {"Sec-Purpose", "prerender"}} {
			r := request(t, http.MethodGet, address)
			r.Header.Set(header[0], header[1])
			assert.Equal(t, 503, d.status(browser, r), header)
		}
		assert.Equal(t, 400, d.status(browser, request(t, http.MethodGet, "http://"+hostOf(t, address)+"/favicon.ico")))
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	assert.Contains(t, d.shown().text, "You are signed in")
}

// The same browser may open the page again: a second command that is tried, or a
// user who clicks on the URL in the terminal.
func TestTheFirstPageWorksOnce(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		to := d.follow(browser, address)
		again := d.visit(browser, address)
		assert.Equal(t, http.StatusGone, again.status)
		assert.Contains(t, again.text, "This page works only once")
		d.pages <- d.visit(browser, to)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	assert.Contains(t, d.shown().text, "You are signed in")
}

// Somebody who has read the command line is faster than the user's browser.
func TestAPageThatIsOpenedByTwoBrowsersSignsNobodyIn(t *testing.T) {
	d := newDesktop(t)
	user, thief := d.auth.Browser(), d.auth.Browser()
	d.surfBy(func(address string) {
		to := d.follow(thief, address)
		d.pages <- d.visit(user, address)
		stop := *thief
		stop.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), d.auth.URL) {
				return nil
			}
			return http.ErrUseLastResponse // nobody listens there any more
		}
		res, err := stop.Get(to)
		if assert.NoError(t, err) {
			assert.NoError(t, res.Body.Close())
		}
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, passport.ErrNoLogin)
	assert.ErrorContains(t, err, "opened a second time")
	assert.Equal(t, http.StatusGone, d.shown().status)
	d.assertSignedOut(d.p)
	assert.Empty(t, d.auth.RefreshTokens(), "the code was not redeemed")

	d.use(user)
	d.login(d.p)
}

func TestALogoutThatIsOpenedByTwoBrowsersProvesNothing(t *testing.T) {
	d := newDesktop(t)
	user := d.auth.Browser()
	d.use(user)
	d.login(d.p)
	d.surfBy(func(address string) {
		d.follow(d.auth.Browser(), address)
		d.pages <- d.visit(user, address)
	})
	l, err := d.p.Logout(t.Context())
	require.ErrorContains(t, err, "opened a second time")
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	d.assertSignedOut(d.p)
	assert.True(t, d.unfinished(d.p))
}

// The URL at the auth domain may get out too, by the history of a shared browser
// or a proxy. It is of no use elsewhere.
func TestALoginComesBackInTheBrowserThatWasOpened(t *testing.T) {
	d := newDesktop(t)
	user, other := d.auth.Browser(), d.auth.Browser()
	d.surfBy(func(address string) { d.pages <- d.visit(other, d.follow(user, address)) })
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, passport.ErrNoLogin)
	assert.ErrorContains(t, err, "is not the one that was opened")
	shown := d.shown()
	assert.Equal(t, http.StatusForbidden, shown.status)
	assert.Contains(t, shown.text, "This is not the browser that was opened")
	d.assertSignedOut(d.p)
	assert.Empty(t, d.auth.RefreshTokens(), "the code was not redeemed")
}

// The page that posts a long logout holds the ID token.
func TestTheRequestOfALogoutIsForTheBrowserThatWasOpened(t *testing.T) {
	d := newDesktop(t)
	d.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { c["padding"] = strings.Repeat("x", 5000) }})
	p := d.run(discovered(d))
	d.login(p)
	ctx, cancel := context.WithCancel(t.Context())
	d.surfBy(func(address string) {
		user := d.auth.Browser()
		to := d.follow(user, address)
		d.pages <- d.visit(d.auth.Browser(), to)
		d.pages <- d.visit(user, to)
		cancel()
	})
	_, err := p.Logout(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, d.shown().text, "id_token_hint")
	assert.Contains(t, d.shown().text, "id_token_hint")
}

// Browsers request a page twice now and then, at once or soon after.
func TestTwoRequestsOfTheCallbackGetTheSamePage(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true})
	d.surfBy(func(address string) {
		back := d.back(browser, d.follow(browser, address))
		both := make(chan page)
		for range 2 {
			go func() { both <- d.visit(browser, back) }()
		}
		_, err := d.auth.Await(t.Context(), "/oauth/token", 1)
		assert.NoError(t, err)
		lift()
		first, second := <-both, <-both
		d.pages <- first
		d.pages <- second
		d.pages <- d.visit(browser, back)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	first := d.shown()
	assert.Contains(t, first.text, "You are signed in")
	for range 2 {
		again := d.shown()
		assert.Equal(t, first.text, again.text)
		assert.Equal(t, first.status, again.status)
	}
	assert.Len(t, d.auth.Requests("/oauth/token"), 1)
}

// back follows a login to the address with which it comes back.
func (d *desktop) back(browser *http.Client, address string) (back string) {
	stop := *browser
	stop.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Hostname() == "127.0.0.1" && r.URL.Query().Has("code") {
			back = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	res, err := stop.Get(address)
	if assert.NoError(d.t, err) {
		assert.NoError(d.t, res.Body.Close())
	}
	return back
}
