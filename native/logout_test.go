package native_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/file"
)

func (d *desktop) unfinished(p *native.Passport) bool {
	d.t.Helper()
	_, unfinished := p.UnfinishedLogout(d.t.Context())
	return unfinished
}

func TestALogoutEndsBothSessions(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	l, err := d.run().Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []passport.Outcome{passport.OutcomeDone, passport.OutcomeDone, passport.OutcomeDone}, []passport.Outcome{l.App, l.Revocation, l.Passport})
	assert.Contains(t, d.shown().text, "You are signed out")
	assert.Empty(t, d.auth.Sessions())
	assert.Zero(t, d.live())
	d.assertSignedOut(d.p)
	assert.False(t, d.unfinished(d.p))

	d.login(d.p)
	assert.Equal(t, []string{"", ""}, d.prompts(), "the logout was complete")
}

func TestALogoutIsLocalFirst(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	d.auth.Inject(passporttest.Fault{Status: http.StatusServiceUnavailable})
	ctx, cancel := context.WithCancel(t.Context())
	d.surfBy(func(address string) {
		d.assertSignedOut(d.run())
		d.pages <- d.visit(d.auth.Browser(), address)
		cancel() // the auth domain does not send it back
	})
	l, err := d.run().Logout(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomePending, l.Revocation)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	d.shown()
}

func TestABrowserThatDoesNotComeBackFromTheLogout(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	d.use(nil)
	p := d.run(func(c *native.Config) { c.LogoutTimeout = 50 * time.Millisecond })
	l, err := p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	d.assertSignedOut(d.p)
	assert.NotEmpty(t, d.auth.Sessions())
	assert.True(t, d.unfinished(d.run()))

	d.use(d.auth.Browser())
	d.login(d.run(afterwards))
	d.login(d.run(afterwards))
	assert.Equal(t, []string{"", "login", ""}, d.prompts(), "the next login asks, in the next run too, and only that")
}

func TestALogoutThatIsNotFinishedCanBe(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.use(browser)
	d.login(d.p)
	_, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	require.True(t, d.unfinished(d.p))

	l, err := d.run().Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeSkipped, l.App)
	assert.Equal(t, passport.OutcomeDone, l.Passport)
	assert.Empty(t, d.auth.Sessions())
	assert.False(t, d.unfinished(d.p))
	d.shown()
	d.login(d.p)
	assert.Equal(t, []string{"", ""}, d.prompts())
}

func TestALocalLogoutLeavesTheBrowserAlone(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	l, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeDone, l.Revocation)
	assert.Equal(t, passport.OutcomePending, l.Passport)
	assert.Empty(t, l.URL)
	assert.Len(t, d.opened, 1, "the login's")
	assert.Len(t, d.auth.Sessions(), 1)
	d.assertSignedOut(d.p)

	d.login(d.run())
	assert.Equal(t, []string{"", "login"}, d.prompts(), "nobody is signed straight back in")
	assert.Equal(t, 2, d.auth.Logins())
}

// afterwards is a run some seconds later: auth_time, which proves that the user has
// been asked, counts in seconds.
func afterwards(c *native.Config) {
	c.Now = func() time.Time { return time.Now().Add(5 * time.Second) }
}

func TestALoginAfterAnUnfinishedLogoutAsksForCredentialsToo(t *testing.T) {
	d := newDesktop(t)
	want := []string{""}
	d.login(d.p)
	for prompt, sent := range map[string]string{"consent": "login consent", "login": "login"} {
		_, err := d.p.LogoutLocal(t.Context())
		require.NoError(t, err)
		_, err = d.p.Login(t.Context(), passport.LoginOptions{Prompt: prompt})
		require.NoError(t, err)
		want = append(want, sent)
	}
	assert.Equal(t, want, d.prompts())

	_, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	_, err = d.p.Login(t.Context(), passport.LoginOptions{Prompt: "none"})
	var refused *passport.ProviderError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "login_required", refused.Code, "a program that only looks shows no form")
	assert.Equal(t, want, d.prompts(), "nor opens a browser")
}

// A provider that has the user's session may sign them straight back in, whatever
// it was asked for.
func TestALoginThatDidNotAskLeavesTheLogoutUnfinished(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	_, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	l, unfinished := d.p.UnfinishedLogout(t.Context())
	require.True(t, unfinished)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	assert.Contains(t, l.URL, d.auth.URL+"/v2/logout?")

	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { delete(c, "auth_time") }})
	d.login(d.run(afterwards))
	assert.True(t, d.unfinished(d.p), "nobody knows whether it asked")
	lift()
	d.login(d.run(afterwards))
	assert.False(t, d.unfinished(d.p))
}

func TestAnotherBrowserProvesNothing(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	d.use(d.auth.Browser())
	l, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	assert.Contains(t, d.shown().text, "You signed in with another browser")
	assert.Len(t, d.auth.Sessions(), 1, "the session of the other one")
	assert.True(t, d.unfinished(d.p))
}

func TestOnlyTheReturnFromThisLogoutCounts(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.use(browser)
	d.login(d.p)
	d.surfBy(func(address string) {
		address = d.follow(browser, address)
		back, guard, _ := strings.Cut(query(t, address).Get("returnTo"), "?passport_logout=")
		for _, other := range []string{"", "?passport_logout=", "?passport_logout=" + strings.Repeat("x", len(guard)), "?state=" + guard} {
			d.pages <- d.visit(browser, back+other)
		}
		d.pages <- d.visit(browser, strings.Replace(back, "/logout", "/callback", 1)+"?passport_logout="+guard)
		d.pages <- d.visit(browser, address)
	})
	l, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.Passport)
	for range 5 {
		assert.Contains(t, d.shown().text, "Nothing is waiting for this page")
	}
	assert.Contains(t, d.shown().text, "You are signed out")
}

func TestAProviderThatMayHaveAskedTheUserProvesNothing(t *testing.T) {
	d := newDesktop(t)
	p := d.run(func(c *native.Config) {
		c.Discover, c.Issuer, c.AuthDomain = true, d.auth.URL+"/", ""
	})
	d.login(p)
	l, err := p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	assert.Contains(t, d.shown().text, "may still be signed in")
	assert.Empty(t, d.auth.Sessions(), "it was asked, and did")
	require.Len(t, d.auth.Requests("/oidc/logout"), 1)
}

// The request of a logout that is too long for a URL is posted by a page, which
// the same port has to serve.
func TestALogoutWithALongHintIsPosted(t *testing.T) {
	d := newDesktop(t)
	d.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { c["padding"] = strings.Repeat("x", 5000) }})
	p := d.run(func(c *native.Config) {
		c.Discover, c.Issuer, c.AuthDomain = true, d.auth.URL+"/", ""
	})
	d.login(p)
	ctx, cancel := context.WithCancel(t.Context())
	d.surfBy(func(address string) {
		d.pages <- d.visit(d.auth.Browser(), address)
		cancel() // nobody runs the script of the page
	})
	l, err := p.Logout(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, len(l.URL), 200)
	text := d.shown().text
	assert.Contains(t, text, `action="`+d.auth.URL+`/oidc/logout"`)
	assert.Contains(t, text, "id_token_hint")
}

// The address at which a back end would try again is one where nobody listens.
func TestALogoutIsFinishedAtNoAddressOfThisMachine(t *testing.T) {
	d := newDesktop(t)
	discover := func(c *native.Config) { c.Discover, c.Issuer, c.AuthDomain = true, d.auth.URL+"/", "" }
	p := d.run(discover)
	d.login(p)
	_, err := p.LogoutLocal(t.Context())
	require.NoError(t, err)
	l, unfinished := p.UnfinishedLogout(t.Context())
	require.True(t, unfinished)
	assert.Contains(t, l.URL, d.auth.URL+"/oidc/logout?")
	d.auth.Inject(passporttest.Fault{Path: "/.well-known/openid-configuration", Status: 503})
	l, unfinished = d.run(discover).UnfinishedLogout(t.Context())
	assert.True(t, unfinished)
	assert.Empty(t, l.URL)
}

func TestALogoutWithoutABrowserSaysWhatIsLeft(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	p := d.run(func(c *native.Config) {
		c.OpenBrowser = func(context.Context, string) error { return native.ErrNoBrowser }
	})
	l, err := p.Logout(t.Context())
	require.ErrorIs(t, err, native.ErrNoBrowser)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomePending, l.Passport)
	assert.Contains(t, l.URL, d.auth.URL+"/v2/logout?")
	d.assertSignedOut(d.p)
	assert.True(t, d.unfinished(d.p))
}

func TestALogoutWhosePortIsTakenEndsTheSessionsEvenSo(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + free.Addr().String()
	require.NoError(t, free.Close())
	d := newDesktop(t, func(c *native.Config) { c.RedirectURI, c.LogoutRedirectURI = base+"/in", base+"/out" })
	d.login(d.p)
	require.NoError(t, d.p.Close(t.Context())) // or the port is still open for a moment

	other := &http.Server{Addr: strings.TrimPrefix(base, "http://"), Handler: http.NotFoundHandler()}
	l, err := net.Listen("tcp", other.Addr)
	require.NoError(t, err)
	go func() { _ = other.Serve(l) }()
	defer other.Close()

	out, err := d.p.Logout(t.Context())
	require.ErrorContains(t, err, "is taken")
	assert.Equal(t, passport.OutcomeDone, out.App)
	assert.Equal(t, passport.OutcomeUnconfirmed, out.Passport)
	d.shown()
	assert.Empty(t, d.auth.Sessions(), "the browser was sent there all the same")
	d.assertSignedOut(d.p)
}

func TestALogoutIsNotUndoneByItsContext(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := d.p.Logout(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomePending, l.Passport)
	assert.Len(t, d.opened, 1, "the login's")
	d.assertSignedOut(d.p)
	assert.True(t, d.unfinished(d.p))
}

func TestAWaitForTheBrowserThatIsBrokenOff(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	ctx, cancel := context.WithCancel(t.Context())
	d.surfBy(func(string) { cancel() })
	l, err := d.p.Logout(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	assert.True(t, d.unfinished(d.p))
}

// A process that dies in the middle of a logout leaves somebody else to end it.
func TestTheNextRunEndsTheLogoutOfOneThatDied(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	d.store.failing(func(method, _ string) bool { return method == "DeleteAndEnqueue" })
	l, err := d.p.LogoutLocal(t.Context())
	require.ErrorIs(t, err, errDisk)
	assert.Equal(t, passport.OutcomeFailed, l.App)
	_, err = d.run().Session(t.Context())
	require.ErrorIs(t, err, passport.ErrNoSession, "whoever asked to be signed out is")
	require.ErrorIs(t, err, errDisk)

	d.store.failing(nil)
	next := d.run()
	d.assertSignedOut(next)
	require.NoError(t, next.Close(t.Context()))
	assert.Zero(t, d.live(), "and the token is revoked")
	assert.True(t, d.unfinished(d.p))
}

// A program that only signs in may be gone before the session before is.
func TestTheNextRunEndsASessionThatALoginHasReplaced(t *testing.T) {
	d := newDesktop(t)
	for range 2 {
		d.login(d.p)
		d.store.failing(func(method, _ string) bool { return method == "DeleteAndEnqueue" })
	}
	third := d.login(d.p)
	assert.Equal(t, 3, d.live())

	d.store.failing(nil)
	next := d.run()
	session, err := next.Session(t.Context())
	require.NoError(t, err)
	assert.Equal(t, third.ID(), session.ID())
	require.NoError(t, next.Close(t.Context()))
	assert.Equal(t, 1, d.live(), "the tokens of the others are revoked")
}

func TestALogoutThatCannotBeWrittenDownEndsTheSessionWhereItCan(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	d.store.failing(d.writesOfCurrent)
	l, err := d.p.LogoutLocal(t.Context())
	require.ErrorIs(t, err, errDisk)
	assert.Equal(t, passport.OutcomeDone, l.App)
	d.assertSignedOut(d.p)
	assert.Zero(t, d.live())

	d.store.failing(func(string, string) bool { return true })
	l, err = d.p.Logout(t.Context())
	require.ErrorIs(t, err, errDisk)
	assert.Equal(t, passport.OutcomeFailed, l.App)
	assert.Contains(t, d.shown().text, "The program could not sign you out", "the browser is sent even so")
	assert.Empty(t, d.auth.Sessions())
}

// On a full disk a logout cannot record that it has begun, for which the record would
// have to grow, but the session that it removes makes room.
func TestALogoutOnAFullDiskIsKnownToTheNextLogin(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	var room atomic.Bool
	d.store.failing(func(method, id string) bool {
		if method == "DeleteAndEnqueue" {
			room.Store(true)
		}
		return d.writesOfCurrent(method, id) && !room.Load()
	})
	l, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Zero(t, d.live())
	d.assertSignedOut(d.p)
	assert.True(t, d.unfinished(d.run()))
	d.login(d.run())
	assert.Equal(t, []string{"", "login"}, d.prompts(), "nobody is signed straight back in")
}

func TestALoginDuringALogoutStays(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.use(browser)
	d.login(d.p)
	other := d.run()
	d.surfBy(func(address string) {
		d.surfBy(func(address string) { d.pages <- d.visit(browser, address) })
		_, err := other.Login(t.Context(), passport.LoginOptions{})
		assert.NoError(t, err)
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	_, err = other.Session(t.Context())
	require.NoError(t, err, "the logout was of the session before")
	assert.Equal(t, []string{"", "login"}, d.prompts())
}

// beforeTheEnd calls do, once, when a logout is stored as begun, and its session has not
// ended yet.
func (d *desktop) beforeTheEnd(do func()) {
	d.store.failing(func(method, _ string) bool {
		if method == "DeleteAndEnqueue" {
			d.store.failing(nil)
			do()
		}
		return false
	})
}

func TestALoginInTheMiddleOfALogoutStays(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	other := d.run()
	d.beforeTheEnd(func() { d.login(other) })
	_, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	_, err = other.Session(t.Context())
	require.NoError(t, err, "the logout was of the session before")
	assert.Equal(t, 1, d.live())
}

// Whoever signs out last, in whichever process, is signed out: also if a login
// was under way that ends after that.
func TestALogoutStopsALoginThatIsUnderWay(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Late: true, Times: 1})
	ended := make(chan error, 1)
	go func() {
		_, err := d.p.Login(t.Context(), passport.LoginOptions{})
		ended <- err
	}()
	_, err := d.auth.Await(t.Context(), "/oauth/token", 2)
	require.NoError(t, err)

	other := d.run()
	l, err := other.Logout(t.Context())
	require.NoError(t, err)
	require.Equal(t, passport.OutcomeDone, l.Passport)
	require.Contains(t, d.shown().text, "You are signed out")
	lift()
	require.ErrorIs(t, <-ended, passport.ErrNoLogin)
	assert.Contains(t, d.shown().text, "no longer valid")
	d.assertSignedOut(d.p)
	d.assertSignedOut(other)
	assert.Eventually(t, func() bool { return d.live() == 0 }, patience, time.Millisecond, "its token is revoked")

	d.login(d.p)
	assert.Equal(t, []string{"", "", "login"}, d.prompts(), "the next one asks, for the Passport session may be the login's")
}

func TestALogoutStopsALoginByCodeThatIsUnderWay(t *testing.T) {
	d := newDesktop(t)
	d.auth.Inject(passporttest.Fault{Path: "/oauth/device/code", EditAnswer: func(a map[string]any) { a["interval"] = 1 }})
	_, err := d.p.LoginWithDevice(t.Context(), func(l passport.DeviceLogin) error {
		_, err := d.run().LogoutLocal(t.Context())
		require.NoError(t, err)
		return d.allow(l)
	})
	require.ErrorIs(t, err, passport.ErrNoLogin)
	d.assertSignedOut(d.p)
	assert.Zero(t, d.live())
}

func TestAReturnDoesNotFinishALaterLogout(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.use(browser)
	d.login(d.p)
	other := d.run()
	d.surfBy(func(address string) {
		d.surfBy(func(address string) { d.pages <- d.visit(browser, address) })
		_, err := other.Login(t.Context(), passport.LoginOptions{})
		assert.NoError(t, err)
		_, err = other.LogoutLocal(t.Context())
		assert.NoError(t, err)
		d.pages <- d.visit(browser, address)
	})
	l, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.Passport)
	assert.True(t, d.unfinished(d.p))
}

func TestALogoutThatAnotherProcessCarriesOutIsDone(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	other := d.run()
	d.beforeTheEnd(func() { d.assertSignedOut(other) })
	l, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App, "there was a session, and now there is none")
	assert.Zero(t, d.live())
	l, err = d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeSkipped, l.App)
}

// The next run may be one in which nobody signs in.
func TestARunThatIsSignedOutPaysWhatIsOwed(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
	l, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	require.Equal(t, passport.OutcomePending, l.Revocation)
	_ = d.p.Close(t.Context()) // it tries once more, and leaves the rest to the next run
	lift()
	require.Equal(t, 1, d.live())

	later := func() time.Time { return time.Now().Add(2 * time.Minute) }
	d.store.setNow(later)
	d.assertSignedOut(d.run(func(c *native.Config) { c.Now = later }))
	assert.Eventually(t, func() bool { return d.live() == 0 }, patience, time.Millisecond)
}

// Another process, with a store of its own on the same file, logs out while this
// one refreshes: nothing comes back.
func TestARefreshDoesNotBringTheSessionBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.json")
	onFile := func(c *native.Config) {
		store, err := file.New(path, file.Options{})
		require.NoError(t, err)
		c.Store = store
	}
	d := newDesktop(t, onFile)
	d.auth.Inject(passporttest.Fault{Path: "/oauth/token", Times: 1, EditAnswer: func(a map[string]any) { a["expires_in"] = 1 }})
	session := d.login(d.p)
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Late: true})
	refreshed := make(chan error, 1)
	go func() {
		_, err := session.AccessToken(t.Context())
		refreshed <- err
	}()
	_, err := d.auth.Await(t.Context(), "/oauth/token", 2)
	require.NoError(t, err)

	_, err = d.run(onFile).LogoutLocal(t.Context())
	require.NoError(t, err)
	lift()
	require.ErrorIs(t, <-refreshed, passport.ErrNoSession)
	d.assertSignedOut(d.p)
	assert.Eventually(t, func() bool { return d.live() == 0 }, patience, time.Millisecond, "the new token is revoked")
}

func TestASessionUnderAKeyThatIsGoneIsNone(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	p := d.run(func(c *native.Config) { c.EncryptionKeys = [][]byte{[]byte("another key of exactly 32 bytes!")} })
	d.assertSignedOut(p)
	d.login(p)
	assert.Equal(t, []string{"", "login"}, d.prompts(), "whether it was signed out is not known")
	_, err := p.Session(t.Context())
	require.NoError(t, err)
	assert.False(t, errors.Is(err, passport.ErrNoSession))
}

// A launcher and its game may be of two versions, and a newer one may be taken back.
func TestWhatANewerVersionHasWrittenIsRefusedAndLeftAlone(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	id := native.CurrentID(d.auth.Issuer(), passporttest.ClientID)
	record := func() storage.Record {
		r, err := d.store.Load(t.Context(), id)
		require.NoError(t, err)
		return r
	}
	ours := record()
	body := 3 + int(binary.BigEndian.Uint16(ours.Data[1:]))
	for name, at := range map[string]int{"record": 0, "seal": body} {
		t.Run(name, func(t *testing.T) {
			later := record()
			later.Data = bytes.Clone(ours.Data)
			later.Data[at]++ // the format
			later, err := d.store.Save(t.Context(), later)
			require.NoError(t, err)

			p := d.run()
			_, err = p.Session(t.Context())
			assert.ErrorIs(t, err, passport.ErrStoreUnavailable)
			assert.NotErrorIs(t, err, passport.ErrNoSession)
			assert.ErrorContains(t, err, "run that version")
			_, err = p.Login(t.Context(), passport.LoginOptions{})
			assert.ErrorContains(t, err, "run that version")
			l, err := p.Logout(t.Context())
			assert.ErrorContains(t, err, "run that version")
			assert.Equal(t, passport.OutcomeFailed, l.App, "nobody is told that they are signed out")
			assert.Equal(t, later, record(), "nothing has been written over it")
			assert.Equal(t, 1, d.live())
		})
	}
	back := record()
	back.Data = ours.Data
	_, err := d.store.Save(t.Context(), back)
	require.NoError(t, err)
	l, err := d.run().Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Zero(t, d.live())
}

// A process that dies between the session and the note that it is the current one.
func TestALogoutEndsTheSessionOfALoginThatDied(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		d.store.failing(func(method, id string) bool { return d.writesOfCurrent(method, id) || method == "DeleteAndEnqueue" })
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, errDisk)
	d.store.failing(nil)
	require.Equal(t, 1, d.live())

	next := d.run()
	d.assertSignedOut(next)
	l, err := next.LogoutLocal(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App, "although nobody has ever seen it")
	assert.Eventually(t, func() bool { return d.live() == 0 }, patience, time.Millisecond)
}

// hangingDisk answers nothing, as a keyring that is locked.
type hangingDisk struct{ *disk }

func (hangingDisk) Load(ctx context.Context, _ string) (storage.Record, error) {
	<-ctx.Done()
	return storage.Record{}, ctx.Err()
}

func TestAStoreThatHangsHoldsNobody(t *testing.T) {
	d := newDesktop(t)
	d.login(d.p)
	p := d.run(func(c *native.Config) { c.Store = hangingDisk{d.store} })
	for name, call := range map[string]func(context.Context) error{
		"Session":     func(ctx context.Context) error { _, err := p.Session(ctx); return err },
		"Login":       func(ctx context.Context) error { _, err := p.Login(ctx, passport.LoginOptions{}); return err },
		"LogoutLocal": func(ctx context.Context) error { _, err := p.LogoutLocal(ctx); return err },
		"Logout": func(ctx context.Context) error {
			l, err := p.Logout(ctx)
			assert.Equal(t, passport.OutcomeFailed, l.App)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		err := call(ctx)
		cancel()
		require.ErrorIs(t, err, passport.ErrStoreUnavailable, name)
		assert.Less(t, time.Since(begun), 8*time.Second, name)
	}
}
