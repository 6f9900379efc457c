package optest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// corners are what oidc-provider does that other providers do not.
var corners = map[string]func(*testing.T, start){
	"the user refuses to sign in":                 refusedLogin,
	"a callback from another issuer":              mixedUp,
	"no refresh token without consent":            noConsent,
	"a refresh token that is used twice":          stolenRefreshToken,
	"the logout token is for the session":         logoutTokenOfOneSession,
	"an iframe with cookies of its own":           partitionedFrame,
	"a logout token finishes a silent logout":     finishedByToken,
	"the user chooses to stay":                    staying,
	"no revocation endpoint":                      noRevocation,
	"no end-session endpoint":                     noEndSession,
	"a long ID token is posted":                   longHintPosted,
	"a long ID token where nothing may be posted": longHintRefused,
	"a long ID token is left out where one may":   longHintOmitted,
	"a logout by a user whom the provider forgot": forgotten,
}

// The user goes back instead of signing in.
func refusedLogin(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := newBrowser(t, "alice")
	form := b.open(s.one.url + "/login")
	require.NotNil(t, form.form, form.body)

	back := b.open(form.form.action.String() + "/abort")

	assert.Equal(t, s.one.url, origin(back.url))
	assert.Equal(t, http.StatusForbidden, back.status)
	assert.Contains(t, back.body, "You are not signed in")
	assert.Equal(t, "alice alice@example.com", b.signIn(s.one.url).body, "the next time")
}

// The provider names itself in its answers, and says so in its metadata (RFC
// 9207): an answer by another, or by nobody, is not for us.
func mixedUp(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := newBrowser(t, "alice")
	callback, err := url.Parse(b.upToCallback(s.one.url))
	require.NoError(t, err)
	require.Equal(t, s.provider.issuer, callback.Query().Get("iss"))
	for _, iss := range []string{"https://provider.example.com", s.provider.issuer + "/", ""} {
		forged, query := *callback, callback.Query()
		query.Set("iss", iss)
		if iss == "" {
			query.Del("iss")
		}
		forged.RawQuery = query.Encode()
		assert.Equal(t, http.StatusBadGateway, b.open(forged.String()).status, "iss=%q", iss)
	}
	assert.Zero(t, s.one.wire.exchanges(), "the code goes nowhere")
	assert.Equal(t, "alice alice@example.com", b.open(callback.String()).body)
}

// A login that does not ask for consent gets no refresh token (OpenID Connect
// Core 1.0 §11). Its session works until its access token ends, and its logout
// has nothing to revoke.
func noConsent(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := newBrowser(t, "alice")
	require.Equal(t, "alice alice@example.com", b.answer(b.open(s.one.url+"/login"), "", "").body)
	require.Empty(t, s.one.wire.last().Refresh)
	assert.Equal(t, "ok", b.open(s.one.url+"/token").body)

	l, err := s.one.EndSession(t.Context(), s.one.session())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeSkipped, l.Revocation)
}

// The provider takes a refresh token that comes twice for stolen, and kills
// those that came of it. The session that it was stolen from ends.
func stolenRefreshToken(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	stolen := s.one.wire.last().Refresh
	s.one.ahead.Add(int64(nearEnd))
	require.Equal(t, "ok", b.open(s.one.url+"/token").body)

	status, answer := s.refresh(stolen)
	require.Equal(t, http.StatusBadRequest, status, answer)

	s.one.ahead.Add(int64(nearEnd))
	assert.NotEqual(t, "ok", b.open(s.one.url+"/token").body)
	assert.Equal(t, nobody, b.open(s.one.url+"/").body)
	assert.Equal(t, 1, s.one.count("session.lost"))
}

// The provider's own token names the session of one browser, and the user's
// other browsers stay signed in.
func logoutTokenOfOneSession(t *testing.T, start start) {
	s := newSite(t, start, setup{config: func(c *passport.Config) { c.StrictLogoutTokens = true }})
	laptop := signedIn(t, s.one.url, "alice")
	sofa := signedIn(t, s.one.url, "alice")

	s.provider.signOut(laptop)

	assert.Equal(t, nobody, laptop.open(s.one.url+"/").body)
	assert.Equal(t, "alice alice@example.com", sofa.open(s.one.url+"/").body)
	tokens, answers := s.one.logoutTokens()
	require.Equal(t, []int{http.StatusOK}, answers)
	token, err := jwt.ParseSigned(tokens[0], []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, token.UnsafeClaimsWithoutVerification(&claims))
	assert.Equal(t, "logout+jwt", token.Headers[0].ExtraHeaders[jose.HeaderType])
	assert.Equal(t, clientID, claims["aud"], "a string, and no array")
	assert.NotEmpty(t, claims["sid"])
}

// A browser that gives a third-party iframe cookies of its own, as Firefox and
// Safari do, comes back with the state intact, and nothing has ended.
func partitionedFrame(t *testing.T, start start) {
	s := newSite(t, start, setup{config: silent})
	b := signedIn(t, s.one.url, "alice")
	inside := b.partition(s.provider.issuer)

	back := inside.answer(inside.frame(b.fetchLogout(s.one.url).URL), "", "")

	assert.Equal(t, s.one.url+"/silent-logout", origin(back.url)+back.url.Path)
	assert.Contains(t, back.body, `data-passport="unconfirmed"`)
	assert.Equal(t, 1, s.one.count("passport.returned"))
	assert.Zero(t, s.one.count("passport.done"))
	b.signIn(s.two.url)
	require.Equal(t, 1, b.asked, "the provider's session is alive")
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked, "the login asks for credentials all the same")
}

// A silent logout that the provider asks about is finished at the address that the
// app offers, which names the session. Its token does not tell whether the user
// agreed; the next login does, and the one after that is like any other.
func finishedByToken(t *testing.T, start start) {
	s := newSite(t, start, setup{config: silent})
	b := signedIn(t, s.one.url, "alice")
	b.frame(b.fetchLogout(s.one.url).URL)
	offered := b.open(s.one.url + "/unfinished")
	require.Equal(t, http.StatusOK, offered.status)
	hinted, err := url.Parse(offered.body)
	require.NoError(t, err)
	assert.NotEmpty(t, hinted.Query().Get("id_token_hint"))
	require.Equal(t, "login", promptOf(t, b, s.one))

	b.answer(b.open(offered.body), "logout", "yes")

	_, answers := s.one.logoutTokens()
	assert.Equal(t, []int{http.StatusOK}, answers, "there is no session any more, which is no error")
	assert.Equal(t, http.StatusOK, b.open(s.one.url+"/unfinished").status)
	s.one.ahead.Add(int64(2 * time.Second)) // the provider's times are whole seconds
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked, "the provider has forgotten the browser")
	assert.Equal(t, http.StatusNotFound, b.open(s.one.url+"/unfinished").status)
	assert.Empty(t, promptOf(t, b, s.one))
}

// A user who chooses to stay signed in at the provider is signed out of the app all
// the same. The provider sends a token even so, but its session lives on: the next
// login asks for credentials.
func staying(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")

	back := b.answer(b.post(s.one.url+"/logout", nil), "", "")

	assert.Equal(t, nobody, back.body)
	assert.Zero(t, s.one.count("passport.done"), "it did not end")
	_, answers := s.one.logoutTokens()
	assert.Equal(t, []int{http.StatusOK}, answers)
	assert.Equal(t, http.StatusOK, b.open(s.one.url+"/unfinished").status)
	assert.Equal(t, "alice alice@example.com", b.signIn(s.one.url).body)
	assert.Equal(t, 2, b.asked)
}

func noRevocation(t *testing.T, start start) {
	s := newSite(t, start, without("revocation"))
	b := signedIn(t, s.one.url, "alice")
	l, err := s.one.EndSession(t.Context(), s.one.session())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeUnsupported, l.Revocation)
	assert.Equal(t, nobody, b.answer(b.open(l.URL), "logout", "yes").body)
}

// Without an end-session endpoint the browser goes nowhere, and the next login
// asks for credentials.
func noEndSession(t *testing.T, start start) {
	s := newSite(t, start, without("rpInitiatedLogout"))
	b := signedIn(t, s.one.url, "alice")
	assert.Empty(t, s.one.LogoutURL())

	back := b.post(s.one.url+"/logout", nil)

	assert.Equal(t, nobody, back.body)
	assert.Equal(t, s.one.url+"/", back.url.String())
	s.one.await("revocation.done")
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked)
}

// without is a provider that lacks a feature.
func without(feature string) setup {
	return setup{configuration: map[string]any{
		"features": map[string]any{feature: map[string]any{"enabled": false}},
	}}
}

// longHint is a provider whose ID tokens do not fit into an address.
func longHint(getOnly bool) setup {
	return setup{configuration: map[string]any{
		"account": map[string]any{"note": strings.Repeat("long ", 2000)},
		"claims":  map[string]any{"openid": []string{"sub", "note"}, "email": []string{"email"}},
		"getOnly": getOnly,
	}}
}

func longHintPosted(t *testing.T, start start) {
	s := newSite(t, start, longHint(false))
	b := signedIn(t, s.one.url, "alice")
	require.Greater(t, len(s.one.wire.last().ID), 10_000)

	back := b.answer(b.post(s.one.url+"/logout", nil), "logout", "yes")

	assert.Equal(t, nobody, back.body)
	assert.Equal(t, s.one.url, origin(back.url))
	assert.Equal(t, 1, s.one.count("passport.returned"))
	assert.Nil(t, b.wentWith("id_token_hint"), "not in an address")
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked)
}

// The provider answers 404 to what is posted, which is found out first: the hint
// is left out, and the logout works.
func longHintRefused(t *testing.T, start start) {
	s := newSite(t, start, longHint(true))
	b := signedIn(t, s.one.url, "alice")
	require.Greater(t, len(s.one.wire.last().ID), 10_000)

	back := b.answer(b.post(s.one.url+"/logout", nil), "logout", "yes")

	assert.Equal(t, nobody, back.body)
	assert.Equal(t, s.one.url, origin(back.url))
	assert.Nil(t, b.wentWith("id_token_hint"))
	s.one.await("revocation.done")
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked)
}

func longHintOmitted(t *testing.T, start start) {
	set := longHint(true)
	set.config = func(c *passport.Config) { c.OmitIDTokenHint = true }
	s := newSite(t, start, set)
	b := signedIn(t, s.one.url, "alice")

	back := b.answer(b.post(s.one.url+"/logout", nil), "logout", "yes")

	assert.Equal(t, nobody, back.body)
	assert.Equal(t, s.one.url, origin(back.url))
	assert.Nil(t, b.wentWith("id_token_hint"))
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked)
}

// The provider's session is over already: the logout goes through, and back.
func forgotten(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	u, err := url.Parse(s.provider.issuer)
	require.NoError(t, err)
	for _, c := range b.client.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "_session") {
			b.client.Jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Path: "/", MaxAge: -1}})
		}
	}

	back := b.answer(b.post(s.one.url+"/logout", nil), "", "")

	assert.Equal(t, nobody, back.body)
	assert.Equal(t, s.one.url, origin(back.url))
	s.one.await("revocation.done")
}

// promptOf is what the next login would ask the provider for.
func promptOf(t *testing.T, b *browser, in *instance) string {
	t.Helper()
	u, err := url.Parse(b.leave(http.MethodGet, in.url+"/login"))
	require.NoError(t, err)
	return u.Query().Get("prompt")
}
