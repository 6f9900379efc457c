package gametest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// discovers has the game discover its provider.
func (s *site) discovers() *site {
	delete(s.config, "AuthDomain")
	s.config["Discover"], s.config["Issuer"] = true, s.auth.Issuer()
	return s
}

// newPushingSite is at a provider that takes only pushed requests (RFC 9126) from the
// game, so a login's address has no state. Only the game's configuration says so.
func newPushingSite(t testing.TB) *site {
	t.Helper()
	s := serveSite(t, passporttest.Options{
		AutoLogin: true, Host: "auth.localhost",
		Clients: []passporttest.Client{{ID: passporttest.ClientID, AnyLoopback: true, RequirePushedRequests: true}},
	}, httptest.NewServer).discovers()
	s.config["PushedRequests"] = true
	return s
}

func TestLoginWhoseRequestIsPushedIsFinished(t *testing.T) {
	s := newPushingSite(t)
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.signIn()
	require.NotEmpty(t, s.auth.Requests("/authorize"))
	assert.Empty(t, s.auth.Requests("/authorize")[0].Query.Get("state"))
}

func TestPopupLoginWhoseRequestIsPushedIsFinished(t *testing.T) {
	s := newPushingSite(t)
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.Gesture(`void (window.popup = game.loginPopup().catch(e => e.message))`)
	assert.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](g.Tab, `popup`))
	assert.Equal(t, "alice@example.com", g.who())
}

// The callback page knows of no Passport, and so not whether it was discovered.
func TestPopupLogoutComesBackFromADiscoveredProvider(t *testing.T) {
	for _, callback := range []string{"/callback", "/wasm-callback", "/"} {
		t.Run(callback, func(t *testing.T) {
			s := newSite(t, "auth.localhost").discovers()
			s.config["LogoutRedirectURI"] = s.origin + callback
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			g.Gesture(`void (window.popup = game.logoutPopup())`)
			got := browsertest.Eval[account](g.Tab, `popup`)
			assert.Equal(t, "done", got.App)
			assert.Equal(t, "unconfirmed", got.Passport, "the provider may have asked the user")
			assert.Empty(t, got.Error)
			assert.Empty(t, s.auth.Sessions())
		})
	}
}

// A page cannot read whether the provider takes a POST, nor is there a handler that makes
// one. The request goes without the ID token, and the provider may ask the user.
func TestLogoutWhoseRequestIsTooLongGoesWithoutTheIDToken(t *testing.T) {
	s := newSite(t, "auth.localhost").discovers().redirects()
	s.auth.Inject(passporttest.Fault{EditClaims: func(claims map[string]any) { claims["groups"] = strings.Repeat("g", 5000) }})
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.leave()
	requests := s.auth.Requests("/oidc/logout")
	require.Len(t, requests, 1, "no try either, for which the user would wait")
	assert.Equal(t, http.MethodGet, requests[0].Method)
	assert.Empty(t, requests[0].Query.Get("id_token_hint"))
	assert.NotEmpty(t, requests[0].Query.Get("logout_hint"))
	assert.Equal(t, nobody, g.who())
	assert.Empty(t, s.auth.Sessions())
}

// An address at RedirectURI that finds it out later is for servers.
func TestUnfinishedLogoutHasNoURLWhileTheProviderCannotBeAsked(t *testing.T) {
	s, down := newProxiedSite(t, true)
	s.config["RevocationWait"] = patience
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	require.Equal(t, "unconfirmed", g.logout().Passport)
	down.Store(true)
	g.home() // which has discovered nothing yet
	assert.Empty(t, browsertest.Eval[account](g.Tab, `game.unfinished()`).URL)
	down.Store(false)
	assert.Contains(t, browsertest.Eval[account](g.Tab, `game.unfinished()`).URL, "/oidc/logout")
}
