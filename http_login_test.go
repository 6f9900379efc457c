package passport_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// TestALinkOfAnotherSiteReplacesNoSession follows one to the login.
func TestALinkOfAnotherSiteReplacesNoSession(t *testing.T) {
	s := newSite(t)
	for _, site := range []string{"cross-site", "same-site"} {
		link := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", site}
		b := s.signedIn()
		before := b.session().ID()
		res := b.stay().get("/login?return_to=/page", link...)
		assert.Equal(t, "/page", res.Header.Get("Location"))
		assert.Equal(t, "/", b.stay().get("/login?return_to=//evil.example", link...).Header.Get("Location"))
		assert.Equal(t, before, b.session().ID())
		assert.True(t, strings.HasPrefix(s.browser().stay().get("/login", link...).Header.Get("Location"), s.auth.URL), "nobody is signed in there")

		own := b.stay().get("/login", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin")
		assert.True(t, strings.HasPrefix(own.Header.Get("Location"), s.auth.URL), "the site's own link signs in anew")
	}
}

func TestSilentLoginFindsWhoIsSignedInAtTheProvider(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}
	b := s.signedIn()
	require.Equal(t, alice, b.get("/page", page...).body)
	b.Jar.SetCookies(must(url.Parse(s.server.URL)), []*http.Cookie{{Name: "passport", Path: "/", MaxAge: -1}})
	assert.Equal(t, alice, b.get("/page", page...).body, "the Passport session is alive")
}

func TestSilentLoginBringsAStrangerBackOnce(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}
	b := s.browser()
	s.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "login_required"})
	res := b.get("/page?tab=2", page...)
	assert.Equal(t, "nobody", res.body)
	assert.Equal(t, "/page?tab=2", res.Request.URL.RequestURI(), "where they were")
	assert.Equal(t, http.StatusOK, b.stay().get("/page", page...).StatusCode, "not again")
	assert.Len(t, s.auth.Requests("/authorize"), 1)
	assert.Equal(t, "none", s.auth.Requests("/authorize")[0].Query.Get("prompt"))

	for name, header := range map[string][]string{
		"a fetch":    {"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"},
		"a program":  {"Accept", "text/html"},
		"a prefetch": append([]string{"Sec-Purpose", "prefetch"}, page...),
	} {
		assert.Equal(t, http.StatusOK, s.browser().stay().get("/page", header...).StatusCode, name)
	}
}

// A visitor who has not asked for a login sees the page, whatever keeps them from being
// signed in.
func TestASilentLoginThatFailsShowsThePage(t *testing.T) {
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}
	keep := func(*passport.Config) {}
	refuse := func(context.Context, *passport.SignInAttempt) error { return &passport.SignInRefused{} }
	for name, row := range map[string]struct {
		edit  func(*passport.Config)
		fault passporttest.Fault
	}{
		"the provider's rules":   {keep, passporttest.Fault{Path: "/authorize", Error: "access_denied"}},
		"the provider is unwell": {keep, passporttest.Fault{Path: "/oauth/token", Status: http.StatusServiceUnavailable}},
		"the program's rules":    {func(c *passport.Config) { c.OnSignIn = refuse }, passporttest.Fault{Path: "/none"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, row.edit)
			s.app = s.p.Handler(s.p.SilentLogin(s.mux))
			b := s.passportSession()
			s.auth.Inject(row.fault)
			before := len(s.auth.Requests("/authorize"))
			res := b.get("/page?tab=2", page...)
			assert.Equal(t, "nobody", res.body)
			assert.Equal(t, "/page?tab=2", res.Request.URL.RequestURI())
			assert.Len(t, s.auth.Requests("/authorize"), before+1)
			assert.NotEqual(t, http.StatusOK, b.get("/login", page...).StatusCode, "who asks for one is told")
			assert.Len(t, s.events.named(passport.EventLoginFailed), 2)
		})
	}
}

// A login needs the browser's cookies when it comes back. A visitor whose browser does not
// bring them would get an error page instead of each page of the site.
func TestSilentLoginLeavesABrowserAloneThatKeepsNoCookies(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}
	b := s.browser()
	b.Jar = nil
	for _, address := range []string{"/page", "/page?tab=2"} {
		res := b.get(address, page...)
		assert.Equal(t, http.StatusOK, res.StatusCode, address)
		assert.Equal(t, "nobody", res.body, address)
		assert.Equal(t, "/page", res.Request.URL.Path)
	}
	assert.Empty(t, s.auth.Requests("/authorize"))
}

// The cookies of another name of the host do not come back to RedirectURI either.
func TestSilentLoginHappensAtTheHostOfRedirectURI(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}
	alias := strings.Replace(s.server.URL, "127.0.0.1", "localhost", 1)
	res := s.knownToProvider().get(alias+"/page?tab=2", page...)
	assert.Equal(t, alice, res.body)
	assert.Equal(t, s.server.URL+"/page?tab=2", res.Request.URL.String())

	s.app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "internal.example" // a proxy
		s.p.Handler(s.p.SilentLogin(s.mux)).ServeHTTP(w, r)
	})
	res = s.knownToProvider().get("/page?tab=2", page...)
	assert.Equal(t, alice, res.body)
	assert.Equal(t, s.server.URL+"/page?tab=2", res.Request.URL.String())
}

// Pages that exist at the other host alone are not out of reach for good.
func TestSilentLoginLeavesABrowserAloneThatReturnsToAnotherHost(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}
	alias := strings.Replace(s.server.URL, "127.0.0.1", "localhost", 1)
	b := s.browser()
	require.Equal(t, s.server.URL+"/page", b.get(alias+"/page", page...).Request.URL.String())
	for range 2 {
		assert.Equal(t, alias+"/page", b.get(alias+"/page", page...).Request.URL.String())
	}
	assert.Len(t, s.auth.Requests("/authorize"), 1)
}

// passportSession returns a browser with a Passport session that never was signed in here.
func (s *site) passportSession() *browser {
	s.t.Helper()
	b := s.browser()
	p := newPassport(s.t, s.config())
	to, _, err := p.BeginLogin(s.t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusFound, b.stay().get(to).StatusCode)
	return b
}

// knownToProvider returns a browser with a Passport session and no session here.
func (s *site) knownToProvider() *browser {
	s.t.Helper()
	app := s.app
	s.app = s.p.Handler(s.mux)
	b := s.signedIn()
	s.app = app
	b.Jar.SetCookies(must(url.Parse(s.server.URL)), []*http.Cookie{{Name: "passport", Path: "/", MaxAge: -1}})
	return b
}

// Where the program has to ask the provider first, one that does not answer must not
// hold up each page.
func TestSilentLoginAsksAProviderThatDoesNotAnswerOnce(t *testing.T) {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, RequirePushedRequests: true})
	t.Cleanup(auth.Close)
	for name, fault := range map[string]passporttest.Fault{
		"a request that is not taken":    {Path: "/oauth/par", Status: http.StatusServiceUnavailable},
		"a request that is not answered": {Path: "/oauth/par", Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *passport.Config) { c.AuthDomain, c.Discover, c.Issuer = "", true, auth.Issuer() })
			s.app = s.p.Handler(s.p.SilentLogin(s.mux))
			before := len(auth.Requests("/oauth/par"))
			defer auth.Inject(fault)()
			page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}
			b := s.browser()
			for range 3 {
				assert.Equal(t, "nobody", b.get("/page", page...).body)
			}
			assert.Len(t, auth.Requests("/oauth/par"), before+1)
		})
	}
}

func TestSilentLoginLeavesAnUnfinishedLogoutAlone(t *testing.T) {
	s := newSite(t, silent)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	b := s.signedIn()
	b.logout("Accept", "application/json")
	require.True(t, b.unfinished())
	res := b.stay().get("/page", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Equal(t, "nobody", res.body)
}

func TestOnlyTheProvidersOwnFaultsAreA502(t *testing.T) {
	s := newSite(t)
	for code, want := range map[string]int{
		"access_denied":             http.StatusForbidden,
		"unauthorized":              http.StatusForbidden, // Auth0, of a user who is blocked
		"login_required":            http.StatusUnauthorized,
		"interaction_required":      http.StatusUnauthorized,
		"invalid_scope":             http.StatusInternalServerError,
		"unauthorized_client":       http.StatusInternalServerError,
		"unsupported_response_type": http.StatusInternalServerError,
		"server_error":              http.StatusBadGateway,
		"temporarily_unavailable":   http.StatusServiceUnavailable,
	} {
		b := s.browser()
		state := b.authorizeRequest("/login").Query().Get("state")
		res := b.get("/redirect?" + url.Values{"state": {state}, "error": {code}}.Encode())
		assert.Equal(t, want, res.StatusCode, code)
	}
	for code, row := range map[string]struct{ status, want int }{
		"invalid_grant":  {400, http.StatusBadRequest},
		"invalid_client": {401, http.StatusInternalServerError},
		"":               {500, http.StatusBadGateway},
	} {
		fresh := newSite(t)
		fresh.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: row.status, Error: code})
		assert.Equal(t, row.want, fresh.browser().get("/login").StatusCode, code)
	}
}

// A browser lets no script follow a redirect to the auth domain: links that htmx boosts,
// routers that fetch pages (https://github.com/auth0/nextjs-auth0/issues/2450).
func TestALoginThatAScriptAsksForLeavesThePage(t *testing.T) {
	user := passporttest.DefaultUser().Subject
	fetched := []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "empty", "Accept", "*/*"}
	byHTMX := append([]string{"HX-Request", "true", "HX-Boosted", "true"}, fetched...)
	goes := func(t *testing.T, s *site, a answer) string {
		t.Helper()
		assert.Equal(t, http.StatusOK, a.StatusCode)
		assert.Empty(t, a.Header.Get("Location"))
		assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		if to := a.Header.Get("HX-Redirect"); to != "" {
			return to
		}
		to, _ := s.json(a)["url"].(string)
		return to
	}
	for name, script := range map[string][]string{"htmx": byHTMX, "fetch": fetched} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			to := goes(t, s, b.stay().get("/login?return_to=/page", script...))
			require.True(t, strings.HasPrefix(to, s.auth.URL+"/authorize?"), to)
			a := b.get(to)
			assert.Equal(t, user, a.body)
			assert.Equal(t, "/page", a.Request.URL.Path)
		})
		t.Run(name+" at another name of the host", func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			there := strings.Replace(s.server.URL, "127.0.0.1", "localhost", 1)
			to := goes(t, s, b.stay().get(there+"/login?return_to=/page", script...))
			require.True(t, strings.HasPrefix(to, s.server.URL+"/login?"), to)
			assert.Equal(t, user, b.get(to).body)
		})
	}
}

func TestPrefetchBeginsNoLogin(t *testing.T) {
	s := newSite(t)
	a := s.browser().stay().get("/login", "Sec-Purpose", "prefetch;prerender")
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	assert.NotContains(t, a.body, "cannot be reached", "the sessions of this site can")
	assert.Empty(t, a.Cookies())
}

// aroundPages serves a program whose pages are for users alone, with something around it.
func (s *site) aroundPages(p *passport.Passport, wrap func(http.Handler) http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.Handle("GET /page", p.RequireLogin(http.HandlerFunc(who)))
	return wrap(p.Handler(mux))
}

// withoutCookie is a program whose session cookie does not come back: other code of the
// host uses the same name, or takes it away.
func withoutCookie(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies := r.Cookies()
		r.Header.Del("Cookie")
		for _, c := range cookies {
			if c.Name != "passport" {
				r.AddCookie(c)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// A loop of logins that succeed is what users of several instances with a store each see,
// of all such libraries: https://github.com/auth0/passport-auth0/issues/86
func TestALoginWhoseSessionIsLostEachTimeEnds(t *testing.T) {
	forgetful := func(s *site) http.Handler {
		return s.aroundPages(s.p, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				_, err := s.p.EndSessions(r.Context(), storage.Match{Subject: passporttest.DefaultUser().Subject})
				assert.NoError(t, err)
			})
		})
	}
	inTurn := func(count int) func(*site) http.Handler {
		return func(s *site) http.Handler {
			var instances []http.Handler
			for range count {
				instances = append(instances, s.aroundPages(newPassport(s.t, s.c), func(next http.Handler) http.Handler { return next }))
			}
			var n atomic.Int64
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				instances[int(n.Add(1))%count].ServeHTTP(w, r)
			})
		}
	}
	for name, row := range map[string]struct {
		app    func(*site) http.Handler
		logins int
		want   string
	}{
		"the cookie does not come back":     {func(s *site) http.Handler { return s.aroundPages(s.p, withoutCookie) }, 3, passport.ErrLoginLoop.Error()},
		"the store forgets":                 {forgetful, 3, passport.ErrLoginLoop.Error()},
		"three instances with a store each": {inTurn(3), 3, passport.ErrLoginLoop.Error()},
		"two, of which one sees that":       {inTurn(2), 1, "or is in another instance's store"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *passport.Config) { c.EncryptionKeys = someKey() })
			s.app = row.app(s)
			b := s.browser()
			hops := 0
			b.CheckRedirect = func(*http.Request, []*http.Request) error {
				if hops++; hops >= 20 { // as browsers have it
					return errors.New("too many redirects")
				}
				return nil
			}
			a := b.get("/page", "Accept", "text/html")
			assert.GreaterOrEqual(t, a.StatusCode, 400)
			assert.Contains(t, a.body, "Sign in again")
			failed := s.events.named(passport.EventLoginFailed)
			require.Len(t, failed, 1)
			assert.ErrorContains(t, failed[0].Err, row.want)
			assert.Len(t, s.events.named(passport.EventLogin), row.logins)
			if errors.Is(failed[0].Err, passport.ErrLoginLoop) {
				assert.Equal(t, passport.LoginLoop, failed[0].Reason)
				assert.Equal(t, http.StatusInternalServerError, a.StatusCode)
			}

			b.logout()
			assert.Empty(t, b.cookie("passport-again"), "a logout is a new beginning")
			require.Equal(t, http.StatusSeeOther, b.stay().get("/login").StatusCode)
		})
	}
}

// A program without cookies may keep a BrowserState as it is, for longer than cookies last.
func TestLoginsFarApartAreNoLoop(t *testing.T) {
	s := newSite(t)
	b, state := s.browser(), passport.BrowserState{}
	signIn := func() error {
		t.Helper()
		to, after, err := s.p.BeginLogin(t.Context(), state, passport.LoginOptions{})
		if err != nil {
			return err
		}
		back := must(b.stay().get(to).Location())
		in, after, err := s.p.FinishLogin(t.Context(), after, back.Query())
		require.NoError(t, err)
		_, err = s.p.EndSession(t.Context(), in.Session.ID())
		require.NoError(t, err)
		state = after
		return nil
	}
	for range 5 {
		require.NoError(t, signIn())
		s.clock.add(time.Hour)
	}
	for range 2 {
		require.NoError(t, signIn())
	}
	require.ErrorIs(t, signIn(), passport.ErrLoginLoop)
	s.clock.add(20 * time.Second)
	require.NoError(t, signIn())
}

func TestALoginThatEndsInASessionIsNotCounted(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.stay().get("/login") // and back, without having signed in
	for range 5 {
		b.get("/login")
		require.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
	}
	assert.Empty(t, s.events.named(passport.EventLoginFailed))

	b = s.browser()
	callback := b.stay().get(b.stay().get(b.stay().get("/login").Header.Get("Location")).Header.Get("Location"))
	assert.Len(t, callback.Header["Set-Cookie"], 1, "the session's alone: there are gateways that pass on but one")
}
