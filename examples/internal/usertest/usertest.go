// Package usertest tests an example as its user sees it, over HTTP on loopback.
package usertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
	"github.com/passport-go/passport/passporttest"
)

// Alice is the user whom the auth domain signs in.
const Alice = "alice@example.com"

// Site is an example that is being served, and its auth domain.
type Site struct {
	URL  string
	Auth *passporttest.Server

	t testing.TB
}

// Start serves an example until the test ends.
func Start(t testing.TB, program run.Program) *Site {
	t.Helper()
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	t.Cleanup(auth.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Site{URL: fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port), Auth: auth, t: t}
	Serve(t, func(ctx context.Context) error { return program(ctx, listener, run.Config(s.URL, auth.URL)) })
	return s
}

// At is an example that the test serves itself, at a base URL.
func At(t testing.TB, base string, auth *passporttest.Server) *Site {
	return &Site{URL: base, Auth: auth, t: t}
}

// Serve runs a program in the background until the test ends; it has to end without
// an error.
func Serve(t testing.TB, program func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- program(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			assert.NoError(t, err)
		case <-time.After(10 * time.Second):
			assert.Fail(t, "the program does not end")
		}
	})
}

// Browser is a user at a browser.
type Browser struct {
	*http.Client
	Base string // of the pages

	t testing.TB
}

// Browser opens another one.
func (s *Site) Browser() *Browser {
	b := &Browser{Client: s.Auth.Browser(), Base: s.URL, t: s.t}
	b.Timeout = 20 * time.Second
	return b
}

// Answer is a response that has been read.
type Answer struct {
	*http.Response
	Body string
}

// Get goes to a page, and wherever that leads.
func (b *Browser) Get(path string) Answer { return b.Do(http.MethodGet, path) }

// Post posts a form.
func (b *Browser) Post(path string) Answer { return b.Do(http.MethodPost, path) }

// Do sends a request with header fields, each a name and a value.
func (b *Browser) Do(method, path string, header ...string) Answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.Base+path, nil)
	require.NoError(b.t, err)
	if method == http.MethodGet {
		r.Header.Set("Accept", "text/html")
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.Client.Do(r)
	require.NoError(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return Answer{res, string(body)}
}

// At is the same browser with pages at another base URL.
func (b *Browser) At(base string) *Browser { return &Browser{Client: b.Client, Base: base, t: b.t} }

// Copy is somebody else's browser with a copy of the cookies.
func (b *Browser) Copy() *Browser { return b.CopyTo(b.Base) }

// CopyTo is somebody else's browser, which sends a copy of the cookies to another site.
func (b *Browser) CopyTo(base string) *Browser {
	jar, err := cookiejar.New(nil)
	require.NoError(b.t, err)
	from, err := url.Parse(b.Base + "/")
	require.NoError(b.t, err)
	to, err := url.Parse(base + "/")
	require.NoError(b.t, err)
	jar.SetCookies(to, b.Jar.Cookies(from))
	thief := *b.Client
	thief.Jar = jar
	return &Browser{Client: &thief, Base: base, t: b.t}
}

// SignIn signs Alice in, who ends on the home page.
func (b *Browser) SignIn() {
	b.t.Helper()
	home := b.Get("/login")
	require.Contains(b.t, home.Body, Alice)
}

// SignOut signs the user out by the form on the home page, to which the way through the
// auth domain leads back.
func (b *Browser) SignOut() {
	b.t.Helper()
	home := b.Post("/logout")
	require.Contains(b.t, home.Body, "You are not signed in", "%s", home.Request.URL)
	assert.Empty(b.t, home.Request.URL.RawQuery, "the address is tidied up")
}

// SignsInAndOut is what every example does for its user.
func SignsInAndOut(t *testing.T, program run.Program) {
	t.Helper()
	s := Start(t, program)
	b := s.Browser()
	assert.Contains(t, b.Get("/").Body, "You are not signed in")
	fetched := b.Do(http.MethodGet, "/inventory", "Accept", "application/json")
	assert.Equal(t, http.StatusUnauthorized, fetched.StatusCode, "a page that fetches is told, and not sent elsewhere")

	inventory := b.Get("/inventory")
	assert.Equal(t, s.URL+"/inventory", inventory.Request.URL.String(), "the login comes back to where it began")
	assert.Contains(t, inventory.Body, "The inventory of "+passporttest.DefaultUser().Subject)
	assert.Contains(t, b.Get("/").Body, Alice)
	copied := b.Copy()
	assert.Contains(t, copied.Get("/").Body, Alice)

	elsewhere := b.Do(http.MethodPost, "/logout", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, elsewhere.StatusCode, "another site's form")
	assert.Contains(t, b.Get("/").Body, Alice)

	b.SignOut()
	assert.Contains(t, copied.Get("/").Body, "You are not signed in", "a copied cookie")
	s.IsSignedOut()

	b.SignIn()
	logins := s.Auth.Requests("/authorize")
	assert.Empty(t, logins[len(logins)-1].Query.Get("prompt"), "the logout is known to be complete")
}

// IsSignedOut checks that nothing is left at the auth domain.
func (s *Site) IsSignedOut() {
	s.t.Helper()
	assert.Empty(s.t, s.Auth.Sessions(), "the Passport session")
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	_, err := s.Auth.Await(ctx, "/oauth/revoke", 1)
	require.NoError(s.t, err)
	assert.Empty(s.t, s.Auth.RefreshTokens(passporttest.Live))
}

// Token is an ID token that another program of the same client gets in this browser,
// such as a game, whose user signs in there without being asked. It belongs to the
// Passport session that the site's tokens belong to.
func (s *Site) Token(b *Browser) string {
	s.t.Helper()
	game, err := passport.New(run.Config("http://localhost:1", s.Auth.URL))
	require.NoError(s.t, err)
	defer game.Close(context.Background())
	address, state, err := game.BeginLogin(s.t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(s.t, err)
	alone := *b.Client
	alone.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := alone.Get(address)
	require.NoError(s.t, err)
	defer res.Body.Close()
	back, err := res.Location()
	require.NoError(s.t, err)
	in, _, err := game.FinishLogin(s.t.Context(), state, back.Query())
	require.NoError(s.t, err)
	token, err := in.Session.IDToken(s.t.Context())
	require.NoError(s.t, err)
	return token.Reveal()
}
