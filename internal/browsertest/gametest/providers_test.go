package gametest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

const (
	tokenPath    = "/oauth/token"
	userInfoPath = "/userinfo"
	metadataPath = "/.well-known/openid-configuration"
)

// newProxiedSite is at a provider whose issuer no browser can reach, as at Azure AD B2C
// or behind a proxy: its discovery document is elsewhere, and names the public endpoints.
// Scripts of the game's origin may read it (CORS) if readable says so, unless it is down.
func newProxiedSite(t testing.TB, readable bool) (s *site, down *atomic.Bool) {
	t.Helper()
	const issuer = "https://issuer.invalid/tenant/v2.0/"
	s = serveSite(t, passporttest.Options{AutoLogin: true, Host: "auth.localhost", Issuer: issuer}, httptest.NewServer).discovers()
	require.Equal(t, issuer, s.config["Issuer"])
	down = &atomic.Bool{}
	directory := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/tenant/policy/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		if readable && r.Header.Get("Origin") == s.origin {
			w.Header().Set("Access-Control-Allow-Origin", s.origin)
		}
		w.Header().Set("Content-Type", "application/json")
		assert.NoError(t, json.NewEncoder(w).Encode(s.publicMetadata(issuer)))
	}))
	t.Cleanup(directory.Close)
	s.config["DiscoveryURL"] = strings.Replace(directory.URL, "127.0.0.1", "directory.localhost", 1) + "/tenant/policy/openid-configuration"
	return s, down
}

// publicMetadata is the provider's discovery document, with the endpoints where they are.
func (s *site) publicMetadata(issuer string) (metadata map[string]any) {
	response, err := s.auth.Client().Get(s.auth.URL + metadataPath)
	if !assert.NoError(s.t, err) {
		return nil
	}
	defer response.Body.Close()
	assert.NoError(s.t, json.NewDecoder(response.Body).Decode(&metadata))
	for name, value := range metadata {
		if address, ok := value.(string); ok && name != "issuer" {
			metadata[name] = strings.Replace(address, issuer, s.auth.URL+"/", 1)
		}
	}
	return metadata
}

func TestAPageSignsInAtAProviderWhoseDocumentIsElsewhere(t *testing.T) {
	s, _ := newProxiedSite(t, true)
	stale := s.shortLived()
	g := s.signedIn(browsertest.Open(t, browsertest.Allowed))
	stale()
	require.NotEmpty(t, browsertest.Eval[string](g.Tab, `game.accessToken()`), "refreshed")
	got := g.logout()
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.Empty(t, got.Error)
	assert.Empty(t, s.auth.Sessions())
	s.revoked()
	g.Gesture(`void (window.popup = game.loginPopup().catch(e => e.message))`)
	assert.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](g.Tab, `popup`))
}

// The provider answers; only the browser keeps the answer from the page.
func TestAPageThatMayNotReadTheDocumentSaysWhatToLookFor(t *testing.T) {
	s, _ := newProxiedSite(t, false)
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	got := browsertest.Eval[string](g.Tab, `game.login().then(() => "left", e => e.message)`)
	assert.Contains(t, got, "directory.localhost")
	assert.Contains(t, got, "CORS")
}

func TestParametersOfTheConfigGoWithEachLoginAndLogout(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	s.config["LoginParams"] = map[string]string{"identity_provider": "Twitch"}
	s.config["LogoutParams"] = map[string]string{"theme": "dark"}
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	assert.Equal(t, "Twitch", s.auth.Requests("/authorize")[0].Query.Get("identity_provider"))
	g.leave()
	assert.Equal(t, "dark", s.auth.Requests("/v2/logout")[0].Query.Get("theme"))
	assert.False(t, g.unfinished(), "it came back as ever")
}

// newCognitoSite is at a provider that logs out as Amazon Cognito does: with client_id
// and logout_uri, which is registered exactly, and with no state on the way back.
func newCognitoSite(t testing.TB) *site {
	t.Helper()
	s := newSite(t, "auth.localhost").discovers()
	s.register(s.origin + "/callback")
	return s
}

// register makes address the only logout_uri.
func (s *site) register(address string) {
	s.t.Helper()
	cognito := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); r.URL.Path != "/logout" || q.Get("client_id") != passporttest.ClientID || q.Get("logout_uri") != address {
			w.Header().Set("X-Frame-Options", "DENY")
			http.Error(w, "Required String parameter 'redirect_uri' is not present", http.StatusBadRequest)
			return
		}
		ends := s.auth.URL + "/v2/logout?" + url.Values{"client_id": {passporttest.ClientID}, "returnTo": {address}}.Encode()
		http.Redirect(w, r, ends, http.StatusFound)
	}))
	s.t.Cleanup(cognito.Close)
	endpoint := strings.Replace(cognito.URL, "127.0.0.1", "cognito.localhost", 1) + "/logout"
	s.auth.Inject(passporttest.Fault{Path: metadataPath, EditAnswer: func(metadata map[string]any) { metadata["end_session_endpoint"] = endpoint }})
	s.config["LogoutRedirectURI"] = address
	s.config["LogoutParams"] = map[string]string{"logout_uri": address}
}

func TestAPageLogsOutWithParametersOfTheProviders(t *testing.T) {
	t.Run("silently", func(t *testing.T) {
		s := newCognitoSite(t)
		got := s.signedIn(browsertest.Open(t, browsertest.Allowed)).logout()
		assert.Equal(t, account{Mode: "silent", URL: got.URL, App: "done", Revocation: "done", Passport: "unconfirmed"}, got)
		assert.Empty(t, s.auth.Sessions())
	})
	t.Run("by redirect", func(t *testing.T) {
		s := newCognitoSite(t).redirects()
		s.register(s.origin + "/")
		g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
		g.leave()
		assert.Empty(t, s.auth.Sessions())
		assert.Equal(t, nobody, g.who())
		assert.True(t, g.unfinished(), "nothing says so")
	})
}

// Nothing tells the window that it has come back from the logout but its name.
func TestPopupLogoutComesBackFromAProviderThatReturnsNoState(t *testing.T) {
	for _, callback := range []string{"/callback", "/wasm-callback", "/"} {
		t.Run(callback, func(t *testing.T) {
			s := newCognitoSite(t)
			s.register(s.origin + callback)
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			g.Gesture(`void (window.popup = game.logoutPopup())`)
			got := browsertest.Eval[account](g.Tab, `popup`)
			assert.Equal(t, "done", got.App)
			assert.Equal(t, "unconfirmed", got.Passport)
			assert.Empty(t, got.Error)
			assert.Empty(t, s.auth.Sessions())
		})
	}
}

// newSiteWithoutEndSession is at a provider that ends no session on request, such as Google.
func newSiteWithoutEndSession(t testing.TB) *site {
	t.Helper()
	s := newSite(t, "auth.localhost").discovers()
	s.config["SilentFallback"], s.config["RevocationWait"] = passport.FallbackRedirect, patience
	s.auth.Inject(passporttest.Fault{Path: metadataPath, EditAnswer: func(metadata map[string]any) { delete(metadata, "end_session_endpoint") }})
	return s
}

// There is nothing to visit, and no URL that would finish the logout.
func TestAPageStaysAtAProviderThatEndsNoSession(t *testing.T) {
	for _, logout := range []string{`game.logout()`, `game.logoutPopup()`} {
		t.Run(logout, func(t *testing.T) {
			s := newSiteWithoutEndSession(t)
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			g.Run(`window.stays = true; new MutationObserver(added => window.framed ||= added.some(a => [...a.addedNodes].some(n => n.tagName === "IFRAME"))).observe(document.documentElement, {childList: true})`)
			g.Gesture(`void (window.out = ` + logout + `)`)
			got := browsertest.Eval[account](g.Tab, `out`)
			assert.Equal(t, account{Mode: "silent", App: "done", Revocation: "done", Passport: "unconfirmed"}, got)
			assert.Equal(t, nobody, g.who())
			assert.True(t, browsertest.Eval[bool](g.Tab, `stays`))
			assert.False(t, browsertest.Eval[bool](g.Tab, `!!window.framed`))
			assert.True(t, g.unfinished())
			passSeconds()
			g.signIn()
			assert.Equal(t, []string{"", "login"}, s.prompts(), "nobody is signed straight back in")
		})
	}
}

func TestAPageLeavesForItsOwnAtAProviderThatEndsNoSession(t *testing.T) {
	s := newSiteWithoutEndSession(t).redirects()
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.leave()
	assert.Equal(t, s.origin+"/", g.URL())
	assert.Equal(t, nobody, g.who())
	assert.True(t, g.unfinished())
	s.revoked()
}

// bare makes ID tokens lack the user's profile.
func (s *site) bare() {
	s.auth.Inject(passporttest.Fault{EditClaims: func(claims map[string]any) {
		delete(claims, "email")
		delete(claims, "nickname")
	}})
}

func TestAPageReadsTheProfileFromTheUserInfoEndpoint(t *testing.T) {
	for name, discovered := range map[string]bool{"Auth0": false, "discovered": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			if discovered {
				s.discovers()
			}
			s.bare()
			s.config["UserInfo"] = true
			stale := s.shortLived()
			profile := browsertest.Open(t, browsertest.Allowed)
			g := s.signedIn(profile)
			stale()
			require.Equal(t, []string{""}, refusals(s.auth.Preflights()), "one preflight, of a header that the endpoint allows")
			assert.Equal(t, userInfoPath, s.auth.Preflights()[0].Path)

			require.NotEmpty(t, browsertest.Eval[string](g.Tab, `game.accessToken()`), "refreshed")
			require.Len(t, s.auth.Requests(tokenPath), 2)
			g.home()
			assert.Equal(t, "alice@example.com", g.who(), "after the refresh, and in the next page")
			assert.Equal(t, "alice", browsertest.Eval[map[string]any](g.Tab, `game.claims()`)["nickname"])
			assert.Len(t, s.auth.Requests(userInfoPath), 1, "read once")
			require.Equal(t, "done", g.logout().App)
			s.revoked()
		})
	}
}

func refusals(preflights []passporttest.Preflight) (refused []string) {
	for _, p := range preflights {
		refused = append(refused, p.Refused)
	}
	return refused
}

func TestAPageWithoutUserInfoHasTheClaimsOfTheIDTokenAlone(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.bare()
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.loginCallback()
	assert.Empty(t, g.who())
	assert.Empty(t, s.auth.Requests(userInfoPath))
}

// Many providers let no page call it. Whoever set UserInfo finds out at the first login.
func TestAPageThatMayNotCallTheUserInfoEndpointSaysWhatToLookFor(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["UserInfo"] = true
	s.auth.Inject(passporttest.Fault{Path: userInfoPath, NoCORS: true})
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.login()
	got := browsertest.Eval[string](g.Tab, `game.callback().then(() => "signed in", e => e.message)`)
	assert.Contains(t, got, "auth.localhost")
	assert.Contains(t, got, "CORS")
	assert.Equal(t, nobody, g.who())
	s.revoked()
}

func TestAPageTracesItsOperations(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["Traced"], s.config["LogoutMode"] = true, passport.LogoutSilent
	stale := s.shortLived()
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.loginCallback()
	stale()
	browsertest.Eval[string](g.Tab, `game.accessToken()`)
	require.Equal(t, "done", g.logout().App)
	spans := browsertest.Eval[[]string](g.Tab, `game.spans`)
	for _, operation := range []passport.Operation{
		passport.OperationFinishLogin, passport.OperationRefresh, passport.OperationLogout, passport.OperationRevocation, "store.load", "store.save",
	} {
		assert.True(t, slices.Contains(spans, string(operation)), "%s of %v", operation, spans)
	}
}
