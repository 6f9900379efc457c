package native_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
)

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Query()
}

func TestALoginIsThereInTheNextRun(t *testing.T) {
	d := newDesktop(t)
	d.assertSignedOut(d.p)
	session := d.login(d.p)
	assert.Equal(t, passporttest.DefaultUser().Subject, session.Subject())

	again, err := d.run().Session(t.Context())
	require.NoError(t, err)
	assert.Equal(t, session.ID(), again.ID())
	_, err = again.AccessToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{""}, d.prompts())
}

func TestEachLoginListensOnAPortThatIsFreeAndThenGivesItBack(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	address := d.opened[0]
	assert.Regexp(t, `^http://127\.0\.0\.1:[0-9]+/callback$`, d.redirectURI(0))
	assert.Equal(t, hostOf(t, address), hostOf(t, d.redirectURI(0)))
	require.NoError(t, d.p.Close(t.Context()))
	_, err := net.DialTimeout("tcp", "127.0.0.1:"+port(t, address), time.Second)
	assert.Error(t, err, "nobody listens any more")
}

func TestWhatIsNotTheReturnFromTheLoginDoesNotEndIt(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		address = d.follow(browser, address)
		back := callback(t, address)
		for _, path := range []string{"", "?code=x&state=y", "?error=access_denied", "?error=access_denied&state="} {
			d.pages <- d.visit(browser, back+path)
		}
		d.pages <- d.visit(browser, strings.Replace(back, "/callback", "/favicon.ico", 1))
		d.pages <- d.visit(browser, strings.Replace(back, "/callback", "/logout", 1))
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	for range 6 {
		p := d.shown()
		assert.Equal(t, http.StatusBadRequest, p.status)
		assert.Contains(t, p.text, "Nothing is waiting for this page")
	}
	assert.Contains(t, d.shown().text, "You are signed in")
}

func TestOnlyNavigationsUnderOurOwnNameAreTaken(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		address = d.follow(browser, address)
		back := callback(t, address) + "?state=" + query(t, address).Get("state") + "&error=access_denied"
		for _, change := range []func(*http.Request){
			func(r *http.Request) { r.Host = "evil.example:" + port(t, back) },
			func(r *http.Request) { r.Host = "localhost:" + port(t, back) },
			func(r *http.Request) { r.Host = "127.0.0.1" },
			func(r *http.Request) { r.Method = http.MethodPost },
			func(r *http.Request) { r.Method = http.MethodHead },
		} {
			r, err := http.NewRequest(http.MethodGet, back, nil)
			assert.NoError(t, err)
			change(r)
			res, err := browser.Do(r)
			if assert.NoError(t, err) {
				d.pages <- page{status: res.StatusCode}
				assert.NoError(t, res.Body.Close())
			}
		}
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	for _, status := range []int{421, 421, 421, 405, 405} {
		assert.Equal(t, status, d.shown().status)
	}
}

func TestTheLastPageIsNeitherKeptNorTold(t *testing.T) {
	d := newDesktop(t)
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	h := d.shown().header
	assert.Equal(t, "no-store", h.Get("Cache-Control"))
	assert.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	assert.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
}

func TestALoginThatTheUserRefusesLeavesTheSessionBefore(t *testing.T) {
	d := newDesktop(t)
	before := d.login(d.p)
	d.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	var refused *passport.ProviderError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "access_denied", refused.Code)
	p := d.shown()
	assert.Equal(t, http.StatusForbidden, p.status)
	assert.Contains(t, p.text, "You are not signed in")
	assert.NotContains(t, p.text, "The test asked", "the provider's words are another's")

	now, err := d.p.Session(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before.ID(), now.ID())
}

func TestALoginThatTheAuthDomainSpoilsSaysSo(t *testing.T) {
	d := newDesktop(t)
	d.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: http.StatusInternalServerError})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorContains(t, err, "status 500")
	assert.Contains(t, d.shown().text, "The sign-in did not work")
	d.assertSignedOut(d.p)
}

func TestALoginTakesThePlaceOfTheSessionBefore(t *testing.T) {
	d := newDesktop(t)
	first := d.login(d.p)
	second := d.login(d.run())
	now, err := d.p.Session(t.Context())
	require.NoError(t, err)
	assert.Equal(t, second.ID(), now.ID())
	_, err = first.AccessToken(t.Context())
	require.NoError(t, err, "it is still fresh")
	assert.Eventually(t, func() bool { return d.live() == 1 }, patience, time.Millisecond)
	all, err := d.p.Engine().Sessions(t.Context(), first.Subject())
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

// A user who signs in in one process is not told by another that they are signed out.
func TestALoginThatReplacesASessionWhileItIsLookedUp(t *testing.T) {
	d := newDesktop(t)
	first := d.login(d.p)
	other := d.run()
	var second *passport.Session
	d.store.failing(func(method, id string) bool {
		if method == "Load" && id == first.ID() {
			d.store.failing(nil)
			second = d.login(other)
		}
		return false
	})
	now, err := d.p.Session(t.Context())
	require.NoError(t, err)
	assert.Equal(t, second.ID(), now.ID())
}

func TestOfLoginsAtOnceOneSessionStays(t *testing.T) {
	d := newDesktop(t)
	const programs = 4
	var running sync.WaitGroup
	for range programs {
		p := d.run()
		running.Go(func() {
			_, err := p.Login(t.Context(), passport.LoginOptions{})
			assert.NoError(t, err)
		})
	}
	running.Wait()
	session, err := d.p.Session(t.Context())
	require.NoError(t, err)
	all, err := d.p.Engine().Sessions(t.Context(), session.Subject())
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, session.ID(), all[0].ID)
	assert.Eventually(t, func() bool { return d.live() == 1 }, patience, time.Millisecond, "the tokens of the others are revoked")
}

func TestABrowserThatDoesNotComeBackEndsTheLoginInTime(t *testing.T) {
	d := newDesktop(t, func(c *native.Config) { c.LoginTimeout = 50 * time.Millisecond })
	d.use(nil)
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = net.DialTimeout("tcp", "127.0.0.1:"+port(t, d.opened[0]), time.Second)
	assert.Error(t, err, "nobody listens any more")
}

// deadline is a context whose deadline passes when it is closed.
type deadline struct {
	context.Context
	passed chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.passed }

func (d deadline) Err() error {
	select {
	case <-d.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A command that opens a browser may fail late, or a firewall may keep the browser from
// this machine's ports.
func TestALoginSaysWhetherABrowserHasStarted(t *testing.T) {
	for name, row := range map[string]struct {
		surf func(d *desktop, address string)
		says string
		none bool // ErrNoBrowser
	}{
		"none starts":         {func(*desktop, string) {}, "did not open the login's page", true},
		"it keeps no cookies": {func(d *desktop, address string) { d.visit(http.DefaultClient, address) }, "keeps no cookies", true},
		"it starts":           {func(d *desktop, address string) { d.follow(d.auth.Browser(), address) }, "the browser did not come back", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesktop(t)
			ctx := deadline{t.Context(), make(chan struct{})}
			d.surfBy(func(address string) {
				row.surf(d, address)
				close(ctx.passed)
			})
			_, err := d.p.Login(ctx, passport.LoginOptions{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, row.none, errors.Is(err, native.ErrNoBrowser))
			assert.ErrorContains(t, err, "native: ")
			assert.ErrorContains(t, err, row.says)
			assert.NotContains(t, err.Error(), "/open/", "the URL is for the user alone")
		})
	}
}

func TestALoginEndsWithItsContext(t *testing.T) {
	d := newDesktop(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.surfBy(func(string) { cancel() })
	_, err := d.p.Login(ctx, passport.LoginOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

// A connection that a browser opens in advance must not hold up the end.
func TestAnUnusedConnectionDoesNotHoldUpTheEnd(t *testing.T) {
	d := newDesktop(t)
	var read time.Time
	d.surfBy(func(address string) {
		idle, err := net.Dial("tcp", "127.0.0.1:"+port(t, address))
		if assert.NoError(t, err) {
			t.Cleanup(func() { _ = idle.Close() })
		}
		shown := d.visit(d.auth.Browser(), address)
		read = time.Now() // the browser has all that it wants
		d.pages <- shown
	})
	d.login(d.p)
	assert.Less(t, time.Since(read), 4*time.Second)
}

func TestAVisitThatComesTooLateIsAnsweredToo(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true})
	d.surfBy(func(address string) { d.pages <- d.visit(browser, address) })
	done := make(chan error, 1)
	go func() {
		_, err := d.p.Login(t.Context(), passport.LoginOptions{})
		done <- err
	}()
	_, err := d.auth.Await(t.Context(), "/oauth/token", 1)
	require.NoError(t, err)
	arrived := make(chan struct{})
	late := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		defer close(arrived)
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	go func() { d.pages <- d.visit(&late, d.auth.Requests("/authorize")[0].Query.Get("redirect_uri")) }()
	<-arrived
	lift()
	require.NoError(t, <-done)
	titles := d.shown().text + d.shown().text
	assert.Contains(t, titles, "You are signed in")
	assert.Contains(t, titles, "Nothing is waiting for this page")
}

func TestALoginWithoutABrowserSaysWhatToDo(t *testing.T) {
	d := newDesktop(t, func(c *native.Config) {
		c.OpenBrowser = func(context.Context, string) error { return native.ErrNoBrowser }
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, native.ErrNoBrowser)
	assert.ErrorContains(t, err, "LoginWithDevice")
}

func TestARegisteredPortIsUsed(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + free.Addr().String()
	d := newDesktop(t, func(c *native.Config) { c.RedirectURI, c.LogoutRedirectURI = base+"/in", base+"/out" })

	_, err = d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorContains(t, err, "is taken", "another program has it")
	assert.ErrorContains(t, err, "Config.RedirectURI")
	assert.Empty(t, d.opened)

	require.NoError(t, free.Close())
	d.login(d.p)
	assert.Equal(t, base+"/in", d.redirectURI(0))
	l, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.Passport)
}

func TestLocalhostIsBothOfItsAddresses(t *testing.T) {
	d := newDesktop(t, func(c *native.Config) {
		c.RedirectURI, c.LogoutRedirectURI = "http://localhost/in", "http://localhost/out"
	})
	d.surfBy(func(address string) {
		for _, host := range []string{"127.0.0.1", "[::1]"} {
			c, err := net.Dial("tcp", host+":"+port(t, address))
			if assert.NoError(t, err) {
				assert.NoError(t, c.Close())
			}
		}
		d.pages <- d.visit(d.auth.Browser(), address)
	})
	d.login(d.p)
	assert.Regexp(t, `^http://localhost:[0-9]+/in$`, d.redirectURI(0))
}

func TestIPv6CanBeTheOnlyOne(t *testing.T) {
	d := newDesktop(t, func(c *native.Config) {
		c.RedirectURI, c.LogoutRedirectURI = "http://[::1]/in", "http://[::1]/out"
	})
	d.login(d.p)
	l, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.Passport)
}

func TestALoginThatCannotBeKeptIsEnded(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		d.store.failing(d.writesOfCurrent)
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, errDisk)
	assert.Contains(t, d.shown().text, "The sign-in did not work")
	d.assertSignedOut(d.p)
	assert.Zero(t, d.live(), "the token is revoked")
}

func TestAStoreThatDoesNotAnswerIsNoSignedOutUser(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	d.store.failing(func(method, _ string) bool { return method == "Load" })
	_, err := d.p.Session(t.Context())
	require.ErrorIs(t, err, errDisk)
	assert.NotErrorIs(t, err, passport.ErrNoSession)
	_, err = d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, errDisk)
}

// loginWithDevice signs in by a code, which a user enters in a browser elsewhere.
func (d *desktop) loginWithDevice() *passport.Session {
	d.t.Helper()
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/device/code", EditAnswer: func(a map[string]any) { a["interval"] = 1 }})
	defer lift()
	session, err := d.p.LoginWithDevice(d.t.Context(), d.allow)
	require.NoError(d.t, err)
	return session
}

// allow enters the code of a login.
func (d *desktop) allow(l passport.DeviceLogin) error {
	res, err := d.auth.Browser().PostForm(l.VerificationURI, url.Values{"user_code": {l.UserCode}, "allow": {"1"}})
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func TestSignsInWithACodeWhereThereIsNoBrowser(t *testing.T) {
	d := newDesktop(t)
	before := d.login(d.p)
	session := d.loginWithDevice()
	now, err := d.run().Session(t.Context())
	require.NoError(t, err)
	assert.Equal(t, session.ID(), now.ID())
	assert.NotEqual(t, before.ID(), now.ID())
	assert.Eventually(t, func() bool { return d.live() == 1 }, patience, time.Millisecond, "the session before has ended")

	l, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport, "nobody knows which browser it was")
	assert.Contains(t, d.shown().text, "may still be signed in")
	assert.Zero(t, d.live())

	_, err = d.p.LoginWithDevice(t.Context(), func(passport.DeviceLogin) error { return errDisk })
	require.ErrorIs(t, err, errDisk)
}

func TestACodeDoesNotFinishALogoutOfTheBrowser(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	_, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	d.loginWithDevice()
	d.login(d.p)
	assert.Equal(t, []string{"", "login"}, d.prompts())
}
