package native_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
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

// stops is browser, which follows no redirect.
func stops(browser *http.Client) *http.Client {
	stop := *browser
	stop.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &stop
}

func TestTheFirstPagesAreRedirectsThatNobodyKeeps(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	browser := stops(d.auth.Browser())
	for want, end := range map[string]func(context.Context) error{
		"/authorize?": func(ctx context.Context) error { _, err := d.p.Login(ctx, passport.LoginOptions{}); return err },
		"/v2/logout?": func(ctx context.Context) error { _, err := d.p.Logout(ctx); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		d.surfBy(func(address string) {
			first := d.visit(browser, address)
			d.pages <- first
			d.pages <- d.visit(browser, "http://"+hostOf(t, address)+first.header.Get("Location"))
			cancel()
		})
		require.ErrorIs(t, end(ctx), context.Canceled)
		first, second := d.shown(), d.shown()
		for _, p := range []page{first, second} {
			assert.Equal(t, http.StatusSeeOther, p.status)
			assert.Equal(t, "no-store", p.header.Get("Cache-Control"))
			assert.Equal(t, "no-referrer", p.header.Get("Referrer-Policy"))
			assert.Empty(t, p.text)
		}
		cookie := first.header.Get("Set-Cookie")
		assert.Contains(t, cookie, "HttpOnly")
		assert.Contains(t, cookie, "SameSite=Lax")
		assert.Contains(t, cookie, "Max-Age=86400", "a browser is the same one after a night's sleep")
		assert.True(t, strings.HasPrefix(second.header.Get("Location"), d.auth.URL+want))
		assert.NotContains(t, first.header.Get("Location")+second.header.Get("Location"), strings.Split(strings.SplitN(cookie, "=", 2)[1], ";")[0])
	}
}

func request(t *testing.T, method, address string) *http.Request {
	r, err := http.NewRequest(method, address, nil)
	assert.NoError(t, err)
	return r
}

// status is what the answer to r is, without following it.
func (d *desktop) status(browser *http.Client, r *http.Request) int {
	res, err := stops(browser).Do(r)
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

// A second command that is tried, or a user who has closed the tab and clicks on the
// URL in the terminal.
func TestTheSameBrowserMayOpenTheFirstPageAgain(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		to := d.follow(browser, address)
		assert.Equal(t, to, d.follow(browser, address))
		d.pages <- d.visit(browser, to)
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	for range 2 {
		assert.Contains(t, d.shown().text, "You are signed in")
	}
	assert.Len(t, d.auth.Requests("/authorize"), 1)
}

// Two tabs of a browser ask before either has an answer, so each gets a cookie.
func TestTwoTabsAreOneBrowser(t *testing.T) {
	for name, laterFirst := range map[string]bool{"in turn": false, "the later first": true} {
		t.Run(name, func(t *testing.T) {
			d := newDesktop(t)
			tab, later := d.auth.Browser(), d.auth.Browser()
			d.surfBy(func(address string) {
				first := d.visit(stops(tab), address)
				d.visit(stops(later), address)
				u, err := url.Parse(address)
				assert.NoError(t, err)
				later.Jar.SetCookies(u, (&http.Response{Header: first.header}).Cookies())
				if !laterFirst {
					d.follow(tab, address)
				}
				to := d.follow(later, address)
				d.follow(tab, address)
				d.pages <- d.visit(later, to)
			})
			_, err := d.p.Login(t.Context(), passport.LoginOptions{})
			require.NoError(t, err)
			assert.Contains(t, d.shown().text, "You are signed in")
		})
	}
}

// A virus scanner, or the preview of a link.
func TestWhoOnlyLooksAtTheFirstPageDoesNotUseItUp(t *testing.T) {
	d := newDesktop(t)
	d.surfBy(func(address string) {
		for _, scanner := range []*http.Client{stops(d.auth.Browser()), {}} {
			d.pages <- d.visit(scanner, address)
		}
		d.pages <- d.visit(d.auth.Browser(), address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	d.shown()
	blind := d.shown()
	assert.Equal(t, http.StatusForbidden, blind.status)
	assert.Contains(t, blind.text, "does not keep cookies for this computer", "it may be the user's browser")
	assert.Contains(t, d.shown().text, "You are signed in")
}

// A browser that was closed on the first page opens it again on the next day, and
// another login has the same port.
func TestThePagesOfAnEarlierLoginDoNotEndAnother(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + free.Addr().String()
	require.NoError(t, free.Close())
	d := newDesktop(t, func(c *native.Config) { c.RedirectURI, c.LogoutRedirectURI = base+"/in", base+"/out" })
	browser := d.auth.Browser()
	ctx, cancel := context.WithCancel(t.Context())
	var earlier, back string
	d.surfBy(func(address string) {
		earlier, back = address, d.back(browser, d.follow(browser, address))
		cancel()
	})
	_, err = d.p.Login(ctx, passport.LoginOptions{})
	require.ErrorIs(t, err, context.Canceled)

	d.surfBy(func(address string) {
		for _, old := range []string{earlier, earlier + "/go", back} {
			d.pages <- d.visit(browser, old)
		}
		d.pages <- d.visit(browser, address)
	})
	_, err = d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	for range 3 {
		assert.Contains(t, d.shown().text, "Nothing is waiting for this page")
	}
	assert.Contains(t, d.shown().text, "You are signed in")
}

// Somebody who has read the command line is faster than the user's browser.
func TestAPageThatIsOpenedByTwoBrowsersSignsNobodyIn(t *testing.T) {
	d := newDesktop(t)
	user, thief := d.auth.Browser(), d.auth.Browser()
	d.surfBy(func(address string) {
		to := d.follow(thief, address)
		d.pages <- d.visit(user, address)
		stop := stops(thief)
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
