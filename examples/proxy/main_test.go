package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
	"github.com/passport-go/passport/examples/internal/usertest"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

const signedOut = "You are not signed in"

// start serves the example behind a proxy of its own.
func start(t *testing.T, change func(c *passport.Config, base string)) *usertest.Site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	public := "localhost:" + freePort(t)
	proxy, err := startNginx(t.Context(), public, listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, proxy.stop()) })

	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	t.Cleanup(auth.Close)
	auth.Trust(proxyCertificate(t, proxy))
	base := "https://" + public + prefix
	c := run.Config(base, auth.URL)
	change(&c, base)
	usertest.Serve(t, func(ctx context.Context) error { return serve(ctx, listener, base, c) })
	return usertest.At(t, base, auth)
}

func asItIs(*passport.Config, string) {}

func freePort(t *testing.T) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer probe.Close()
	return strconv.Itoa(probe.Addr().(*net.TCPAddr).Port)
}

func proxyCertificate(t *testing.T, n *nginx) *x509.Certificate {
	t.Helper()
	contents, err := os.ReadFile(filepath.Join(n.dir, "certificate.pem"))
	require.NoError(t, err)
	block, _ := pem.Decode(contents)
	require.NotNil(t, block)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return certificate
}

func TestUsersStayBelowThePrefix(t *testing.T) {
	s := start(t, asItIs)
	b := s.Browser()
	assert.Contains(t, b.Get("/").Body, signedOut)
	inventory := b.Get("/inventory?page=2")
	assert.Equal(t, s.URL+"/inventory?page=2", inventory.Request.URL.String(), "RequireLogin comes back")
	assert.Contains(t, inventory.Body, "The inventory of "+passporttest.DefaultUser().Subject)
	copied := b.Copy()
	assert.Contains(t, copied.Get("/").Body, usertest.Alice)
	for _, cookie := range cookies(t, b) {
		assert.True(t, strings.HasPrefix(cookie, "__Host-"), cookie)
	}

	bye := b.Post("/logout")
	assert.Equal(t, s.URL+"/", bye.Request.URL.String(), "a logout comes back, and is tidied up")
	assert.Contains(t, bye.Body, signedOut)
	assert.Contains(t, copied.Get("/").Body, signedOut, "a copied cookie")
	s.IsSignedOut()

	again := b.Get("/login")
	assert.Equal(t, s.URL+"/", again.Request.URL.String(), "a plain login ends at home")
	assert.Contains(t, again.Body, usertest.Alice)
	assert.Empty(t, s.Auth.Requests("/authorize")[1].Query.Get("prompt"), "the return was noticed: the user is not asked again")
}

// cookies are the names of those that the site gets.
func cookies(t *testing.T, b *usertest.Browser) (names []string) {
	t.Helper()
	base, err := url.Parse(b.Base + "/")
	require.NoError(t, err)
	for _, cookie := range b.Jar.Cookies(base) {
		names = append(names, cookie.Name)
	}
	require.NotEmpty(t, names)
	return names
}

func TestASilentLogoutComesBackInItsFrame(t *testing.T) {
	s := start(t, func(c *passport.Config, base string) {
		c.LogoutMode, c.LogoutRedirectURI = passport.LogoutSilent, base+"/silent-logout"
	})
	b := s.Browser()
	b.SignIn()
	copied := b.Copy()
	fetched := b.Do(http.MethodPost, "/logout", "Accept", "application/json", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty")
	var answer struct{ Mode, URL, App string }
	require.NoError(t, json.Unmarshal([]byte(fetched.Body), &answer), fetched.Body)
	assert.Equal(t, "silent", answer.Mode)
	assert.Equal(t, "done", answer.App)
	assert.Contains(t, copied.Get("/").Body, signedOut, "a copied cookie")

	frame := b.At("").Do(http.MethodGet, answer.URL, "Sec-Fetch-Dest", "iframe", "Referer", s.URL+"/")
	require.Equal(t, http.StatusOK, frame.StatusCode)
	assert.Equal(t, prefix+"/silent-logout", frame.Request.URL.Path)
	origin := strings.TrimSuffix(s.URL, prefix)
	assert.Contains(t, frame.Header.Get("Content-Security-Policy"), "frame-ancestors "+origin)
	s.IsSignedOut()

	// Another site's cookies may have been blocked, so nothing is proved.
	b.Get("/login")
	assert.Contains(t, s.Auth.Requests("/authorize")[1].Query.Get("prompt"), "login")
	assert.Contains(t, b.Get("/passport.js").Body, `"`+prefix+`/logout"`)
}

// failing is a store that is down at times.
type failing struct {
	storage.TokenStore
	down atomic.Bool
}

var errDown = errors.New("the store is down")

func (f *failing) Load(ctx context.Context, id string) (storage.Record, error) {
	if f.down.Load() {
		return storage.Record{}, errDown
	}
	return f.TokenStore.Load(ctx, id)
}

func (f *failing) Delete(ctx context.Context, id string) (storage.Record, error) {
	if f.down.Load() {
		return storage.Record{}, errDown
	}
	return f.TokenStore.Delete(ctx, id)
}

// The user is signed out in the browser, can go on to Passport, and the session ends
// once the store is back.
func TestALogoutWhileTheStoreIsDown(t *testing.T) {
	store := &failing{TokenStore: memory.New(memory.Options{})}
	ended := make(chan struct{}, 10)
	s := start(t, func(c *passport.Config, _ string) {
		c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of 32 bytes for this test only")[:32]}
		c.OnEvent = func(e passport.Event) {
			if e.Name == passport.EventLogout {
				ended <- struct{}{}
			}
		}
	})
	b := s.Browser()
	b.SignIn()
	copied := b.Copy()

	store.down.Store(true)
	assert.Equal(t, http.StatusServiceUnavailable, copied.Get("/").StatusCode, "nobody knows who is signed in")
	page := b.Post("/logout")
	assert.Equal(t, http.StatusServiceUnavailable, page.StatusCode)
	assert.Contains(t, page.Body, "You are signed out in this browser")
	links := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page.Body, -1)
	require.NotEmpty(t, links)
	bye := b.At("").Get(strings.ReplaceAll(links[0][1], "&amp;", "&"))
	assert.Equal(t, s.URL+"/", bye.Request.URL.String())
	assert.Contains(t, bye.Body, signedOut)
	assert.Empty(t, s.Auth.Sessions(), "the Passport session")

	store.down.Store(false)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the session is not ended")
	}
	assert.Contains(t, copied.Get("/").Body, signedOut, "a copied cookie")
	s.IsSignedOut()
}

// The proxy hides which host a user has typed. The cookies of another would not come
// back, so the login goes to the right one first.
func TestALoginAtAnotherNameOfTheHost(t *testing.T) {
	s := start(t, asItIs)
	b := s.Browser().At(strings.Replace(s.URL, "localhost", "127.0.0.1", 1))
	home := b.Get("/login")
	assert.Equal(t, s.URL+"/", home.Request.URL.String())
	assert.Contains(t, home.Body, usertest.Alice)
}

// nginx asks this program whether a request for another one may pass.
func TestAnotherProgramIsForUsersAlone(t *testing.T) {
	s := start(t, asItIs)
	b := s.Browser()
	fetched := b.Do(http.MethodPost, "/reports/month", "Accept", "application/json", "X-User", "mallory")
	assert.Equal(t, http.StatusUnauthorized, fetched.StatusCode)

	page := b.Get("/reports/month?from=1&to=2")
	assert.Equal(t, s.URL+"/reports/month?from=1&to=2", page.Request.URL.String(), "RequireLogin comes back")
	of := "/reports/month?from=1&to=2 of " + passporttest.DefaultUser().Subject + `, cookies: ""`
	assert.Contains(t, page.Body, of)
	forged := b.Do(http.MethodPost, "/reports/month?from=1&to=2", "X-User", "mallory", "Connection", "X-User")
	assert.Contains(t, forged.Body, of)

	b.Post("/logout")
	fetched = b.Do(http.MethodPost, "/reports/month", "Accept", "application/json")
	assert.Equal(t, http.StatusUnauthorized, fetched.StatusCode)
	for _, own := range []string{"/allow", "/../allow"} {
		assert.NotContains(t, b.At(strings.TrimSuffix(s.URL, prefix)).Get(own).Header, "X-User", "it is nginx's alone")
	}
}

func TestABaseURLAtAnotherHostIsRefusedWithBoth(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	err = serve(t.Context(), listener, "https://www.example.com/shop", run.Config("https://example.com/shop", "https://auth.example.com"))
	assert.ErrorContains(t, err, "https://www.example.com")
	assert.ErrorContains(t, err, "https://example.com,")
}
