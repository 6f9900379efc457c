// Package nativetest has Chromium be the system's browser of a desktop program.
package nativetest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

// patience bounds every wait for what should come at once.
const patience = 30 * time.Second

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// desktop is a user's machine, whose browser the test drives.
type desktop struct {
	t      *testing.T
	auth   *passporttest.Server
	store  *memory.Store
	opened chan string // what the program opens in the browser
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	d := &desktop{t: t, store: memory.New(memory.Options{}), opened: make(chan string, 1)}
	d.auth = passporttest.NewServer(passporttest.Options{Host: "auth.localhost", DeviceInterval: time.Second})
	t.Cleanup(d.auth.Close)
	return d
}

// run is one run of the program.
func (d *desktop) run(edit ...func(*native.Config)) *native.Passport {
	d.t.Helper()
	c := native.Config{
		Config: passport.Config{
			ClientID:       passporttest.ClientID,
			AuthDomain:     d.auth.URL,
			HTTPClient:     d.auth.Client(),
			Store:          d.store,
			EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		},
		OpenBrowser:   func(_ context.Context, url string) error { d.opened <- url; return nil },
		LoginTimeout:  patience,
		LogoutTimeout: patience,
	}
	for _, f := range edit {
		f(&c)
	}
	p, err := native.New(c)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { assert.NoError(d.t, p.Close(context.Background())) })
	return p
}

type result[T any] struct {
	value T
	err   error
}

// begin has the program do what waits for the browser.
func begin[T any](d *desktop, do func(context.Context) (T, error)) <-chan result[T] {
	done := make(chan result[T], 1)
	go func() {
		value, err := do(d.t.Context())
		done <- result[T]{value, err}
	}()
	return done
}

func wait[T any](d *desktop, from <-chan T) T {
	d.t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(d.t, "the program did not go on")
		panic("unreachable")
	}
}

func login(p *native.Passport) func(context.Context) (*passport.Session, error) {
	return func(ctx context.Context) (*passport.Session, error) { return p.Login(ctx, passport.LoginOptions{}) }
}

// signIn has alice sign in.
func (d *desktop) signIn(p *native.Passport, tab *browsertest.Tab) {
	d.t.Helper()
	done := begin(d, login(p))
	tab.Go(wait(d, d.opened))
	tab.Click("button.user")
	got := wait(d, done)
	require.NoError(d.t, got.err)
	assert.Equal(d.t, passporttest.DefaultUser().Subject, got.value.Subject())
	d.shows(tab, "You are signed in")
}

// shows waits until the tab shows a page with that title.
func (d *desktop) shows(tab *browsertest.Tab, title string) {
	d.t.Helper()
	tab.Wait(fmt.Sprintf(`document.querySelector("h1")?.innerText === %q`, title))
}

// prompts are the prompt parameters of the logins so far.
func (d *desktop) prompts() (prompts []string) {
	for _, r := range d.auth.Requests("/authorize") {
		prompts = append(prompts, r.Query.Get("prompt"))
	}
	return prompts
}

func TestEnginesSignInAndOutOnTheDesktop(t *testing.T) {
	browsertest.InOneEngine(t, func(t *testing.T, e browsertest.Engine) {
		d := newDesktop(t)
		p, tab := d.run(), e.OpenLight(t).Tab()
		d.signIn(p, tab)
		tab.Screenshot("native-signed-in-" + string(e))
		for _, said := range tab.Console() {
			assert.Contains(t, said, "favicon.ico", "Firefox says that the page has none")
		}

		done := begin(d, p.Logout)
		tab.Go(wait(d, d.opened))
		d.shows(tab, "You are signed out")
		tab.Screenshot("native-signed-out-" + string(e))
		got := wait(d, done)
		require.NoError(t, got.err)
		assert.Equal(t, passport.OutcomeDone, got.value.Passport)
		assert.Empty(t, d.auth.Sessions())
		assert.Empty(t, d.auth.RefreshTokens(passporttest.Live))
		_, err := p.Session(t.Context())
		require.ErrorIs(t, err, passport.ErrNoSession)
	})
}

func TestABrowserThatIsNotTheOneOfTheLoginProvesNothing(t *testing.T) {
	d := newDesktop(t)
	p := d.run()
	d.signIn(p, browsertest.Open(t, browsertest.Blocked).Tab())

	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	done := begin(d, p.Logout)
	tab.Dark()
	tab.Narrow()
	tab.Go(wait(d, d.opened))
	d.shows(tab, "You are signed out of the program")
	tab.Screenshot("native-another-browser")
	got := wait(d, done)
	require.NoError(t, got.err)
	assert.Equal(t, passport.OutcomeDone, got.value.App)
	assert.Equal(t, passport.OutcomeUnconfirmed, got.value.Passport)
	assert.Len(t, d.auth.Sessions(), 1)
}

func TestABrowserThatIsClosedIsNotWaitedForForEver(t *testing.T) {
	d := newDesktop(t)
	profile := browsertest.Open(t, browsertest.Blocked)
	d.signIn(d.run(), profile.Tab())

	lift := d.auth.Inject(passporttest.Fault{Path: "/v2/logout", Hang: true})
	defer lift()
	p := d.run(func(c *native.Config) { c.LogoutTimeout = 2 * time.Second })
	done := begin(d, p.Logout)
	closed := profile.Tab()
	closed.Run(fmt.Sprintf(`location.href = %q`, wait(d, d.opened)))
	_, err := d.auth.Await(t.Context(), "/v2/logout", 1)
	require.NoError(t, err)
	closed.Close()
	got := wait(d, done)
	require.NoError(t, got.err)
	assert.Equal(t, passport.OutcomeDone, got.value.App)
	assert.Equal(t, passport.OutcomeUnconfirmed, got.value.Passport)

	d.signIn(d.run(), profile.Tab())
	assert.Equal(t, []string{"", "login"}, d.prompts(), "nobody is signed straight back in")
	assert.Equal(t, 2, d.auth.Logins())
}

func TestALoginThatTheUserCancels(t *testing.T) {
	d := newDesktop(t)
	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	done := begin(d, login(d.run()))
	tab.Go(wait(d, d.opened))
	tab.Click("button.plain")
	d.shows(tab, "You are not signed in")
	tab.Screenshot("native-cancelled")
	var refused *passport.ProviderError
	require.ErrorAs(t, wait(d, done).err, &refused)
	assert.Equal(t, "access_denied", refused.Code)
}

// Another site leads the browser to the port while the program waits there.
func TestAnotherSiteCannotEndTheWait(t *testing.T) {
	d := newDesktop(t)
	profile := browsertest.Open(t, browsertest.Blocked)
	tab := profile.Tab()
	done := begin(d, login(d.run()))
	address := wait(d, d.opened)
	tab.Go(address)

	stranger := profile.Tab()
	stranger.Go(d.auth.URL + "/activate") // any page of another origin
	back := browsertest.Eval[string](tab, `new URLSearchParams(location.search).get("redirect_uri")`)
	stranger.Go(back + "?error=access_denied&state=guess")
	d.shows(stranger, "Nothing is waiting for this page")
	stranger.Screenshot("native-stranger")

	tab.Click("button.user")
	d.shows(tab, "You are signed in")
	require.NoError(t, wait(d, done).err)
}

func TestSignsInByACodeInAnotherBrowser(t *testing.T) {
	d := newDesktop(t)
	p, tab := d.run(), browsertest.Open(t, browsertest.Blocked).Tab()
	tab.Narrow()
	codes := make(chan passport.DeviceLogin, 1)
	done := begin(d, func(ctx context.Context) (*passport.Session, error) {
		return p.LoginWithDevice(ctx, func(l passport.DeviceLogin) error { codes <- l; return nil })
	})
	shown := wait(d, codes)
	tab.Go(shown.VerificationURI)
	d.shows(tab, "Connect a device")
	tab.Screenshot("native-device-code")
	tab.Run(fmt.Sprintf(`document.querySelector("input").value = %q`, shown.UserCode))
	tab.Click("button.main")
	d.shows(tab, "Is this your device?")
	assert.Contains(t, tab.Text(), shown.UserCode)
	tab.Screenshot("native-device-allow")
	tab.Click("button.user")
	d.shows(tab, "Your device is signed in")
	tab.Screenshot("native-device-done")
	got := wait(d, done)
	require.NoError(t, got.err)
	assert.Equal(t, passporttest.DefaultUser().Subject, got.value.Subject())

	tab.Go(shown.VerificationURIComplete)
	assert.Contains(t, tab.Text(), "No device waits for this code", "it is good for one login")
}
