package native_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
)

// patience bounds every wait for what should come at once.
const patience = 30 * time.Second

// desktop is a user's machine: a program with its store, and the browser that it
// opens.
type desktop struct {
	t     *testing.T
	auth  *passporttest.Server
	store *disk
	p     *native.Passport

	mu     sync.Mutex
	surf   func(address string) // what the browser does with an address
	opened []string
	pages  chan page
}

// page is what a browser shows at the end of its way.
type page struct {
	status int
	text   string
	header http.Header
	at     string // its address
}

// newDesktop runs the program for the first time; edit may change its Config.
func newDesktop(t *testing.T, edit ...func(*native.Config)) *desktop {
	t.Helper()
	return newDesktopAt(t, passporttest.Options{AutoLogin: true}, edit...)
}

// newDesktopAt is newDesktop at another auth domain.
func newDesktopAt(t *testing.T, o passporttest.Options, edit ...func(*native.Config)) *desktop {
	t.Helper()
	d := &desktop{t: t, store: newDisk(), pages: make(chan page, 100)}
	d.auth = passporttest.NewServer(o)
	t.Cleanup(d.auth.Close)
	d.use(d.auth.Browser())
	d.p = d.run(edit...)
	return d
}

// run is one run of the program, in a process of its own as far as it can tell.
func (d *desktop) run(edit ...func(*native.Config)) *native.Passport {
	d.t.Helper()
	c := native.Config{
		Config: passport.Config{
			ClientID:       passporttest.ClientID,
			AuthDomain:     d.auth.URL,
			Store:          d.store,
			EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		},
		OpenBrowser:   d.open,
		LoginTimeout:  patience,
		LogoutTimeout: patience,
	}
	for _, f := range edit {
		f(&c)
	}
	p, err := native.New(c)
	require.NoError(d.t, err)
	d.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// open is Config.OpenBrowser.
func (d *desktop) open(_ context.Context, address string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened = append(d.opened, address)
	if surf := d.surf; surf != nil {
		go surf(address)
	}
	return nil
}

// use makes the system's browser this one. nil is one that shows nothing.
func (d *desktop) use(browser *http.Client) {
	if browser == nil {
		d.surfBy(nil)
		return
	}
	d.surfBy(func(address string) { d.pages <- d.visit(browser, address) })
}

func (d *desktop) surfBy(surf func(address string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.surf = surf
}

func (d *desktop) visit(browser *http.Client, address string) page {
	res, err := browser.Get(address)
	if !assert.NoError(d.t, err) {
		return page{}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	assert.NoError(d.t, err)
	return page{status: res.StatusCode, text: string(text), header: res.Header, at: res.Request.URL.String()}
}

// shown is the page that the browser ended on.
func (d *desktop) shown() page {
	d.t.Helper()
	select {
	case p := <-d.pages:
		return p
	case <-time.After(patience):
		require.FailNow(d.t, "the browser ended on no page")
		return page{}
	}
}

func (d *desktop) login(p *native.Passport) *passport.Session {
	d.t.Helper()
	s, err := p.Login(d.t.Context(), passport.LoginOptions{})
	require.NoError(d.t, err)
	require.Contains(d.t, d.shown().text, "You are signed in")
	return s
}

// prompts are the prompt parameters of the logins so far.
func (d *desktop) prompts() (prompts []string) {
	for _, r := range d.auth.Requests("/authorize") {
		prompts = append(prompts, r.Query.Get("prompt"))
	}
	return prompts
}

func (d *desktop) live() int { return len(d.auth.RefreshTokens(passporttest.Live)) }

func (d *desktop) assertSignedOut(p *native.Passport) {
	d.t.Helper()
	_, err := p.Session(d.t.Context())
	assert.ErrorIs(d.t, err, passport.ErrNoSession)
}

// follow opens the URL of a launch in a browser, and returns where it leads.
func (d *desktop) follow(browser *http.Client, address string) string {
	stop := *browser
	stop.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == r.Response.Request.URL.Path+"/go" { // from the first page to the second
			return nil
		}
		return http.ErrUseLastResponse
	}
	res, err := stop.Get(address)
	if !assert.NoError(d.t, err) {
		return ""
	}
	assert.NoError(d.t, res.Body.Close())
	assert.Equal(d.t, http.StatusSeeOther, res.StatusCode)
	return res.Header.Get("Location")
}

// redirectURI is that of the n-th login.
func (d *desktop) redirectURI(n int) string {
	d.t.Helper()
	requests := d.auth.Requests("/authorize")
	require.Greater(d.t, len(requests), n)
	return requests[n].Query.Get("redirect_uri")
}

// callback reads from a login's address where the browser is to come back.
func callback(t *testing.T, address string) string {
	t.Helper()
	return query(t, address).Get("redirect_uri")
}

// hostOf is the host and port of an address.
func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

// port is that of an address.
func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Port()
}
