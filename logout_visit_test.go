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

// discovered makes a site go by its provider's discovery document.
func discovered(c *passport.Config) {
	c.Discover, c.Issuer, c.AuthDomain = true, c.AuthDomain+"/", ""
}

const wellKnown = "/.well-known/openid-configuration"

func TestADiscoveredProviderSignsInRefreshesAndSignsOut(t *testing.T) {
	s := newSite(t, discovered)
	assert.Empty(t, s.auth.Requests(), "New asks nobody")
	b := s.signedIn()
	session := b.session()
	sid := session.Info().SID
	id, err := session.IDToken(t.Context())
	require.NoError(t, err)

	a := b.logout()
	require.Equal(t, http.StatusSeeOther, a.StatusCode)
	u, err := a.Location()
	require.NoError(t, err)
	assert.Equal(t, s.auth.URL+"/oidc/logout", u.Scheme+"://"+u.Host+u.Path)
	q := u.Query()
	assert.Equal(t, id.Reveal(), q.Get("id_token_hint"))
	assert.Equal(t, passporttest.ClientID, q.Get("client_id"))
	assert.Equal(t, sid, q.Get("logout_hint"))
	assert.Equal(t, s.server.URL+"/", q.Get("post_logout_redirect_uri"))
	assert.Regexp(t, "^[A-Za-z0-9_-]{43}$", q.Get("state"))
	assert.NotContains(t, u.String(), b.cookie("passport-logout"), "what the hint is kept under stays in the browser")
	assert.False(t, q.Has("ui_locales"))

	assert.Equal(t, "nobody", b.get(u.String()).body)
	assert.Empty(t, s.auth.Sessions())
	s.revoked(1)
	assert.Len(t, s.auth.Requests(wellKnown), 1, "cached")
}

func TestADiscoveryThatFailsIsTriedAgain(t *testing.T) {
	s := newSite(t, discovered)
	lift := s.auth.Inject(passporttest.Fault{Path: wellKnown, Status: 500})
	a := s.browser().get("/login")
	assert.Equal(t, http.StatusBadGateway, a.StatusCode)
	assert.Contains(t, a.body, "on the way to the sign-in service", "and not that the sessions of this site were the trouble")
	lift()
	s.signedIn()
}

func TestTheReturnFromADiscoveredProviderProvesNothing(t *testing.T) {
	s := newSite(t, discovered)
	b := s.signedIn()
	u, err := b.logout().Location()
	require.NoError(t, err)
	top := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	b.get("/?state=another", top...)
	assert.Empty(t, s.events.named("passport.returned"))
	b.get("/?state="+u.Query().Get("state"), top...)
	assert.Len(t, s.events.named("passport.returned"), 1)
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"), "the user may have said no")
}

func TestAHintThatIsTooLongForAURLIsPosted(t *testing.T) {
	s := newSite(t, discovered)
	s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["groups"] = strings.Repeat("g", 5000) }})
	b := s.signedIn()
	id, err := b.session().IDToken(t.Context())
	require.NoError(t, err)
	link := b.logout().Header.Get("Location")
	assert.True(t, strings.HasPrefix(link, s.server.URL+"/redirect?logout="), link)
	assert.NotContains(t, link, id.Reveal())

	page := b.get(link)
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Equal(t, "no-store", page.Header.Get("Cache-Control"))
	assert.Contains(t, page.body, `<form method="post" action="`+s.auth.URL+`/oidc/logout">`)
	assert.Contains(t, page.body, id.Reveal())
	assert.Equal(t, "/", b.stay().get(link).Header.Get("Location"), "once")
}

func TestTheHintCanBeLeftOutAndTheLanguageChosen(t *testing.T) {
	s := newSite(t, discovered, func(c *passport.Config) { c.OmitIDTokenHint, c.UILocales = true, "fr-CA fr" })
	b := s.signedIn()
	assert.Equal(t, "fr-CA fr", s.browser().authorizeRequest("/login").Query().Get("ui_locales"))
	u, err := b.logout().Location()
	require.NoError(t, err)
	assert.False(t, u.Query().Has("id_token_hint"))
	assert.Equal(t, "fr-CA fr", u.Query().Get("ui_locales"))
}

func TestAProviderWithoutEndSessionOrRevocationDegradesAndSaysSo(t *testing.T) {
	s := newSite(t, discovered)
	s.auth.Inject(passporttest.Fault{Path: wellKnown, EditAnswer: func(a map[string]any) {
		delete(a, "end_session_endpoint")
		delete(a, "revocation_endpoint")
	}})
	l, err := s.p.EndSession(t.Context(), s.signedIn().session().ID())
	require.NoError(t, err)
	assert.Equal(t, passport.Logout{
		Mode: passport.LogoutRedirect, URL: s.server.URL + "/", State: l.State,
		App: passport.OutcomeDone, Revocation: passport.OutcomeUnsupported, Passport: passport.OutcomeUnconfirmed, Ended: 1,
	}, l)
	assert.Empty(t, s.p.LogoutURL())
	assert.Empty(t, s.auth.Requests("/oauth/revoke"))
	b := s.signedIn()
	b.logout()
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"))
}

func TestAProviderThatIsGoneAtLogoutKeepsNobodySignedIn(t *testing.T) {
	s := newSite(t, discovered)
	b := s.signedIn()
	c := s.config()
	c.AuthDomain = s.auth.URL
	discovered(&c)
	fresh := newPassport(t, c) // it has discovered nothing yet
	s.auth.Inject(passporttest.Fault{Path: wellKnown, Status: 503})
	a := record(fresh.Logout, "POST", "/logout")
	assert.Equal(t, http.StatusSeeOther, a.Code)
	assert.Equal(t, s.server.URL+"/", a.Header().Get("Location"))
	assert.Equal(t, http.StatusSeeOther, b.logout().StatusCode)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestEndpointsInTheClearAreRefused(t *testing.T) {
	s := newSite(t, discovered)
	s.auth.Inject(passporttest.Fault{Path: wellKnown, EditAnswer: func(a map[string]any) { a["revocation_endpoint"] = "http://provider.example.com/revoke" }})
	_, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "revocation_endpoint must use https")
}

func TestAConfidentialClientAuthenticatesAsTheProviderWants(t *testing.T) {
	for methods, inHeader := range map[string]bool{"client_secret_basic client_secret_post": true, "client_secret_post": false, "": true} {
		s := newSite(t, discovered, func(c *passport.Config) { c.ClientSecret = "hush: hush" })
		s.auth.Inject(passporttest.Fault{Path: wellKnown, EditAnswer: func(a map[string]any) {
			a["token_endpoint_auth_methods_supported"] = strings.Fields(methods)
		}})
		s.browser().get("/login") // the client is a public one, so it may be refused
		calls := s.auth.Requests("/oauth/token")
		require.NotEmpty(t, calls, methods)
		_, secret, basic := (&http.Request{Header: calls[0].Header}).BasicAuth()
		assert.Equal(t, inHeader, basic, methods)
		if inHeader {
			assert.Equal(t, url.QueryEscape("hush: hush"), secret)
		} else {
			assert.Equal(t, "hush: hush", calls[0].Form.Get("client_secret"))
		}
	}
}

func TestFederatedAsksTheUpstreamProviderToo(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Federated = true })
	u, err := url.Parse(s.p.LogoutURL())
	require.NoError(t, err)
	assert.True(t, u.Query().Has("federated"))
}

func TestDiscoverNeedsAnIssuerAndNoAuthDomain(t *testing.T) {
	c := least()
	c.Discover = true
	_, err := passport.New(c)
	assert.ErrorContains(t, err, "Config.Issuer is empty")
	c.Issuer, c.AuthDomain = "https://op.example.com", "auth.example.com"
	_, err = passport.New(c)
	assert.ErrorContains(t, err, "Config.AuthDomain does not go with Discover")
	c.AuthDomain = ""
	p := newPassport(t, c)
	assert.NotNil(t, p)
}
