package passport_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
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

func TestPrefetchBeginsNoLogin(t *testing.T) {
	s := newSite(t)
	a := s.browser().stay().get("/login", "Sec-Purpose", "prefetch;prerender")
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	assert.NotContains(t, a.body, "cannot be reached", "the sessions of this site can")
	assert.Empty(t, a.Cookies())
}
