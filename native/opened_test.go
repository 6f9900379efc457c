package native_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
)

// untilClosed makes OpenBrowser of a Config return when the user closes the browser, as
// xdg-open does on some desktops and packages that run it. The browser then says so on
// ended.
func (d *desktop) untilClosed(edit ...func(*native.Config)) (p *native.Passport, closeBrowser func(), ended <-chan error) {
	closed, done := make(chan struct{}), make(chan error, 10)
	edit = append(edit, func(c *native.Config) {
		c.OpenBrowser = func(ctx context.Context, address string) error {
			_ = d.open(ctx, address)
			select {
			case <-closed:
				done <- errors.New("closed")
				return errors.New("exit status 1")
			case <-ctx.Done():
				done <- ctx.Err()
				return ctx.Err()
			}
		}
	})
	return d.run(edit...), func() { close(closed) }, done
}

// within is what comes, at once.
func within(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		require.FailNow(t, "nothing comes")
		return nil
	}
}

func TestABrowserIsNotWaitedForToBeClosed(t *testing.T) {
	d := newDesktop(t)
	p, closeBrowser, ended := d.untilClosed()
	d.login(p)
	l, err := p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.Passport)
	assert.Contains(t, d.shown().text, "You are signed out")

	closeBrowser()
	for range 2 {
		assert.EqualError(t, within(t, ended), "closed", "it does not end with the login or the logout")
	}
}

func TestABrowserThatOpensNothingIsGivenUpWithTheLogin(t *testing.T) {
	d := newDesktop(t)
	d.use(nil)
	p, _, ended := d.untilClosed()
	ctx, cancel := context.WithCancel(t.Context())
	d.surfBy(func(string) { cancel() })
	_, err := p.Login(ctx, passport.LoginOptions{})
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, within(t, ended), context.Canceled)
}

// Another program, or an attacker, has followed the URL before the browser.
func TestALaunchThatFailsEndsTheWaitForABrowserThatStarts(t *testing.T) {
	d := newDesktop(t)
	p, _, ended := d.untilClosed()
	d.surfBy(func(address string) {
		r := request(t, http.MethodGet, address)
		r.Host = "example-4000.app.github.dev"
		res, err := http.DefaultClient.Do(r)
		if assert.NoError(t, err) {
			assert.NoError(t, res.Body.Close())
		}
	})
	_, err := p.Login(t.Context(), passport.LoginOptions{})
	require.Error(t, err)
	assert.ErrorIs(t, within(t, ended), context.Canceled)
}

// A container or a machine elsewhere, whose port somebody forwards under another number or
// name (VS Code, Codespaces).
func TestAPortThatIsForwardedUnderAnotherNameIsSaid(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		for _, path := range []string{"/", ""} { // the first is anybody's
			r := request(t, http.MethodGet, strings.Replace(address, "/open/", "/open/x"+path, 1))
			if path == "" {
				r = request(t, http.MethodGet, address)
			}
			r.Host = "example-4000.app.github.dev"
			res, err := browser.Do(r)
			if assert.NoError(t, err) {
				assert.Equal(t, http.StatusMisdirectedRequest, res.StatusCode)
				assert.NoError(t, res.Body.Close())
			}
		}
	})
	for what, do := range map[string]func() error{
		"login":  func() error { _, err := d.p.Login(t.Context(), passport.LoginOptions{}); return err },
		"logout": func() error { _, err := d.p.Logout(t.Context()); return err },
	} {
		err := do()
		require.ErrorIs(t, err, native.ErrNoBrowser, what)
		require.ErrorContains(t, err, "example-4000.app.github.dev", what)
		require.ErrorContains(t, err, "has to keep its number", what)
		require.NotContains(t, err.Error(), "/open/", what)
	}
}

// Its cookies are those of all that has been developed on this machine.
func TestABrowserWithManyCookiesIsAnswered(t *testing.T) {
	d := newDesktop(t)
	browser := *d.auth.Browser()
	browser.Transport = withCookie(strings.Repeat("x", 180*4<<10))
	d.use(&browser)
	d.login(d.p)
}

// withCookie is a transport that sends a cookie of that value to loopback addresses.
type withCookie string

func (c withCookie) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if strings.HasPrefix(r.URL.Path, "/open/") || r.URL.Path == "/callback" {
		r.AddCookie(&http.Cookie{Name: "session", Value: string(c)})
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestAnErrorWithoutAStateIsSaidInTheEnd(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	ctx := deadline{t.Context(), make(chan struct{})}
	d.surfBy(func(address string) {
		back := callback(t, d.follow(browser, address))
		d.visit(browser, back+"?error=unauthorized_client&error_description=x")
		d.visit(http.DefaultClient, back+"?error=forged") // by whoever has guessed the port
		close(ctx.passed)
	})
	_, err := d.p.Login(ctx, passport.LoginOptions{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "unauthorized_client")
	assert.ErrorContains(t, err, "check the registration")
}

// Before, nobody asked the provider until the user had pressed the key that opens a
// browser here, although they had entered the code in one elsewhere.
func TestACodeIsAskedForWhileItIsShown(t *testing.T) {
	d := newDesktop(t)
	d.auth.Inject(passporttest.Fault{Path: "/oauth/device/code", EditAnswer: func(a map[string]any) { a["interval"] = 1 }})
	pressed, ended := make(chan struct{}), make(chan struct{})
	session, err := d.p.LoginWithDevice(t.Context(), func(l passport.DeviceLogin) error {
		defer close(ended)
		assert.NoError(t, d.allow(l))
		select {
		case <-pressed:
		case <-time.After(patience):
			assert.Fail(t, "nobody asks while the code is shown")
		}
		return errors.New("nobody has pressed a key")
	})
	close(pressed)
	require.NoError(t, err)
	<-ended
	now, err := d.p.Session(t.Context())
	require.NoError(t, err)
	assert.Equal(t, session.ID(), now.ID())
}
