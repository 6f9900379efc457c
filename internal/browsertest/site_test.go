package browsertest

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// site is a program that uses package passport, on app.localhost, with the auth
// domain that it signs people in at. Its pages have a strict policy.
type site struct {
	t      testing.TB
	auth   *passporttest.Server
	server *httptest.Server
	mux    *http.ServeMux
	p      *passport.Passport
	policy string
	ahead  atomic.Int64 // by how much the program's clock is, in nanoseconds
}

// later moves the program's clock on. The auth domain keeps whole seconds, so of a
// login within a second of a logout nobody can tell which came first.
func (s *site) later() { s.ahead.Add(int64(3 * time.Second)) }

// newSite starts a site in silent mode. authHost says whether the auth domain is
// of the same site; edit may change the Config before it is built.
func newSite(t testing.TB, authHost string, edit ...func(*site, *passport.Config)) *site {
	t.Helper()
	return serveSite(t, passporttest.Options{AutoLogin: true, Host: authHost}, httptest.NewServer, edit)
}

// newTLSSite is newSite with everything on https, as sites are.
func newTLSSite(t testing.TB, authHost string, edit ...func(*site, *passport.Config)) *site {
	t.Helper()
	return serveSite(t, passporttest.Options{AutoLogin: true, Host: authHost, TLS: true}, httptest.NewTLSServer, edit)
}

func serveSite(t testing.TB, auth passporttest.Options, serve func(http.Handler) *httptest.Server, edit []func(*site, *passport.Config)) *site {
	t.Helper()
	s := &site{t: t, mux: http.NewServeMux()}
	s.auth = passporttest.NewServer(auth)
	t.Cleanup(s.auth.Close)
	var handler http.Handler
	s.server = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(s.server.Close)

	client := s.auth.Client()
	client.Timeout = patience // of 10 s unless set, which a busy machine can take
	c := passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        s.auth.URL,
		RedirectURI:       s.at("/redirect"),
		LogoutRedirectURI: s.at("/silent-logout"),
		LogoutMode:        passport.LogoutSilent,
		SilentTimeout:     patience,
		SilentFallback:    passport.FallbackReport,
		HTTPClient:        client,
		Now:               func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
	}
	s.policy = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-src 'self' " + s.auth.URL +
		"; form-action 'self' " + s.auth.URL
	for _, f := range edit {
		f(s, &c)
	}
	var err error
	s.p, err = passport.New(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.p.Close(ctx) // tests that break revocation leave some pending
	})
	s.mux.HandleFunc("GET /login", s.p.Login)
	s.mux.HandleFunc("GET /redirect", s.p.LoginCallback)
	s.mux.HandleFunc("POST /logout", s.p.Logout)
	s.mux.Handle("GET /passport.js", s.p.Script())
	s.mux.Handle("GET /silent-logout", s.p.LogoutSilentCallback(s.at("/")))
	s.mux.HandleFunc("GET /{$}", s.home)
	s.mux.HandleFunc("GET /away", s.home)
	s.mux.HandleFunc("GET /token", token)
	handler = s.p.Handler(s.mux)
	return s
}

// redirect puts a site into redirect mode.
func redirect(s *site, c *passport.Config) {
	c.LogoutMode = passport.LogoutRedirect
	c.LogoutRedirectURI = s.at("/")
}

// fallBack makes a site fall back to a redirect.
func fallBack(_ *site, c *passport.Config) { c.SilentFallback = passport.FallbackRedirect }

// at is the address of a path of the site.
func (s *site) at(path string) string {
	return strings.Replace(s.server.URL, "127.0.0.1", appHost, 1) + path
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	who := "nobody"
	if session := passport.SessionFrom(r.Context()); session != nil {
		profile, err := session.Profile(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		who = profile.Email
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", s.policy)
	fmt.Fprintf(w, sitePage, html.EscapeString(who))
}

const sitePage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>site</title><script src="/passport.js" defer></script></head>
<body><p id="who">%s</p>
<form method="post" action="/logout" data-passport-logout>
<input type="hidden" name="return_to" value="/?bye"><button>Sign out</button></form>
</body></html>`

// token uses the access token, and says whether there was one.
func token(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		http.Error(w, "nobody", http.StatusUnauthorized)
		return
	}
	if _, err := session.AccessToken(r.Context()); err != nil {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	_, _ = w.Write([]byte("token"))
}

// signIn signs the tab's user in, and shows the home page.
func (s *site) signIn(tab *Tab) {
	s.t.Helper()
	tab.Go(s.at("/login"))
	tab.WaitURL(s.at("/"))
	require.Equal(s.t, "alice@example.com", who(tab))
	watchEvents(tab)
}

// signedIn opens a tab whose user has signed in.
func (s *site) signedIn(p *Profile) *Tab {
	s.t.Helper()
	tab := p.Tab()
	s.signIn(tab)
	return tab
}

func who(tab *Tab) string {
	tab.t.Helper()
	return Eval[string](tab, `document.querySelector("#who").textContent`)
}

// revoked asserts that no refresh token is good any more, once the program has
// had the time to see to it.
func (s *site) revoked() {
	s.t.Helper()
	assert.Eventually(s.t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 },
		patience, 5*time.Millisecond, "the refresh token is revoked")
}

// prompts are the prompt parameters of the logins so far.
func (s *site) prompts() []string {
	var prompts []string
	for _, r := range s.auth.Requests("/authorize") {
		prompts = append(prompts, r.Query.Get("prompt"))
	}
	return prompts
}
