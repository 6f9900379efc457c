package passport_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func queryOf(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Query()
}

func TestRequireRecentAsksAgain(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("GET /email", s.p.RequireRecent(10*time.Minute, http.HandlerFunc(who)))
	b := s.signedIn()
	before := b.session().ID()
	assert.Equal(t, alice, b.get("/email").body, "the login was a moment ago")

	s.clock.add(11 * time.Minute)
	assert.Equal(t, alice, b.get("/").body, "the session lives on")
	res := b.get("/email", "Sec-Fetch-Mode", "cors")
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode)

	res = b.stay().get("/email?tab=2", "Sec-Fetch-Mode", "navigate")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	assert.Equal(t, "600", queryOf(t, res.Header.Get("Location")).Get("max_age"))
	assert.Equal(t, alice, b.get("/email", "Sec-Fetch-Mode", "navigate").body, "by way of the provider")
	assert.NotEqual(t, before, b.session().ID())

	assert.Equal(t, http.StatusUnauthorized, s.browser().get("/email", "Sec-Fetch-Mode", "cors").StatusCode)
}

// TestRequireRecentDoesNotLoop meets a provider that never says when it asked.
func TestRequireRecentDoesNotLoop(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("GET /email", s.p.RequireRecent(time.Minute, http.HandlerFunc(who)))
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { delete(c, "auth_time") }})
	res := s.signedIn().get("/email", "Sec-Fetch-Mode", "navigate")
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	assert.Contains(t, res.body, "did not ask")
}

func TestRequireRecentPanicsAtNoAge(t *testing.T) {
	s := newSite(t)
	assert.Panics(t, func() { s.p.RequireRecent(0, http.NotFoundHandler()) })
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
