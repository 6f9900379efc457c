package passporttest_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/passporttest"
)

var (
	alice = passporttest.User{Subject: "email|alice", Email: "alice@example.com", Nickname: "alice"}
	bob   = passporttest.User{Subject: "email|bob", Email: "bob@example.com", Nickname: "bob"}
)

// authorizeParams are those of a request that is in order.
func authorizeParams() url.Values {
	return url.Values{
		"client_id":             {passporttest.ClientID},
		"redirect_uri":          {callback},
		"response_type":         {"code"},
		"scope":                 {"openid"},
		"state":                 {"the-state"},
		"code_challenge":        {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())},
		"code_challenge_method": {"S256"},
	}
}

func TestAnAuthorizationRequestThatIsWrongIsReportedToTheClient(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	for _, test := range []struct {
		name, param, value, want string
	}{
		{"no response type", "response_type", "", "unsupported_response_type"},
		{"implicit flow", "response_type", "token", "unsupported_response_type"},
		{"response mode", "response_mode", "fragment", "invalid_request"},
		{"no PKCE", "code_challenge", "", "invalid_request"},
		{"no PKCE method", "code_challenge_method", "", "invalid_request"},
		{"plain PKCE", "code_challenge_method", "plain", "invalid_request"},
		{"prompt none and login", "prompt", "none login", "invalid_request"},
		{"prompt none without a session", "prompt", "none", "login_required"},
		{"max_age", "max_age", "soon", "invalid_request"},
		{"max_age below zero", "max_age", "-1", "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			params := authorizeParams()
			params.Set(test.param, test.value)
			answer := answerTo(t, p.visit(p.auth.URL+"/authorize?"+params.Encode()))
			assert.Equal(t, test.want, answer.Get("error"))
			assert.NotEmpty(t, answer.Get("error_description"))
			assert.Equal(t, "the-state", answer.Get("state"))
			assert.False(t, answer.Has("code"))
		})
	}
	t.Run("parameter sent twice", func(t *testing.T) {
		params := authorizeParams()
		params.Add("nonce", "one")
		params.Add("nonce", "two")
		answer := answerTo(t, p.visit(p.auth.URL+"/authorize?"+params.Encode()))
		assert.Equal(t, "invalid_request", answer.Get("error"))
	})
	assert.Empty(t, p.auth.Sessions())
}

func TestTheBrowserIsNotSentToAnUnregisteredRedirectURI(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: "listed", RedirectURIs: []string{"https://app.example/callback"}},
		{ID: "loopback", AnyLoopback: true},
		{ID: "none"},
	}}))
	for _, test := range []struct{ client, uri string }{
		{"unknown", callback},
		{"", callback},
		{"listed", ""},
		{"listed", callback},
		{"listed", "https://app.example/callback/"},
		{"listed", "https://app.example/callback?x=1"},
		{"listed", "http://app.example/callback"},
		{"loopback", "https://app.example/callback"},
		{"loopback", "http://localhost.example/"},
		{"loopback", "http://localhost@app.example/"},
		{"loopback", "http://10.0.0.1/"},
		{"loopback", "http://user@localhost/"},
		{"loopback", "http://localhost/#fragment"},
		{"loopback", "javascript://localhost/%0aalert(1)"},
		{"none", callback},
	} {
		t.Run(test.client+" "+test.uri, func(t *testing.T) {
			params := authorizeParams()
			params.Set("client_id", test.client)
			params.Set("redirect_uri", test.uri)
			resp := p.visit(p.auth.URL + "/authorize?" + params.Encode())
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Contains(t, resp.Header.Get("Content-Type"), "text/html")
			assert.Empty(t, resp.Header.Get("Location"))
		})
	}
}

func TestRegisteredAndLoopbackRedirectURIsAreAccepted(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: "listed", RedirectURIs: []string{callback, callback + "?x=1"}},
		{ID: "loopback", AnyLoopback: true},
	}}))
	p.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, test := range []struct{ client, uri string }{
		{"listed", callback},
		{"listed", callback + "?x=1"},
		{"loopback", "http://app.localhost:1234/any/path"},
		{"loopback", "http://LOCALHOST/"},
		{"loopback", "https://127.1.2.3/"},
		{"loopback", "http://[::1]:80/"},
	} {
		t.Run(test.client+" "+test.uri, func(t *testing.T) {
			params := authorizeParams()
			params.Set("client_id", test.client)
			params.Set("redirect_uri", test.uri)
			resp := p.visit(p.auth.URL + "/authorize?" + params.Encode())
			assert.Contains(t, resp.Header.Get("Location"), test.uri)
			assert.NotEmpty(t, answerTo(t, resp).Get("code"))
		})
	}
}

func TestAPassportSessionSparesTheUserAnotherLogin(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	first := p.verify(p.login())
	second := p.verify(p.login())
	silent := p.verify(p.login(oauth2.SetAuthURLParam("prompt", "none")))

	assert.Equal(t, 1, p.auth.Logins())
	require.Len(t, p.auth.Sessions(), 1)
	assert.Equal(t, sid(t, first), sid(t, second))
	assert.Equal(t, sid(t, first), sid(t, silent))
	assert.Equal(t, []string{passporttest.ClientID}, p.auth.Sessions()[0].ClientIDs)
}

func TestPromptAndMaxAgeAskForAnotherLogin(t *testing.T) {
	for _, test := range []struct {
		name, param, value string
		asked              bool
	}{
		{"prompt=login", "prompt", "login", true},
		{"prompt=select_account", "prompt", "select_account", true},
		{"prompt=consent", "prompt", "consent", false},
		{"max_age=0", "max_age", "0", true},
		{"max_age exceeded", "max_age", "59", true},
		{"max_age just kept", "max_age", "60", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := newClock()
			p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now}))
			before := claimsOf(t, p.login().Extra("id_token"))
			now.advance(time.Minute)
			after := claimsOf(t, p.login(oauth2.SetAuthURLParam(test.param, test.value)).Extra("id_token"))

			require.Len(t, p.auth.Sessions(), 1, "a login in the same browser takes the session's place")
			if !test.asked {
				assert.Equal(t, 1, p.auth.Logins())
				assert.Equal(t, before["auth_time"], after["auth_time"])
				return
			}
			assert.Equal(t, 2, p.auth.Logins())
			assert.EqualValues(t, now.Now().Unix(), after["auth_time"])
			assert.NotEqual(t, before["sid"], after["sid"])
		})
	}
}

func TestMaxAgeZeroAsksEvenWithinTheSameSecond(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: newClock().Now}))
	p.login()
	p.login(oauth2.SetAuthURLParam("max_age", "0"))
	assert.Equal(t, 2, p.auth.Logins())
}

func TestMaxAgeWithPromptNoneIsLoginRequired(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now}))
	p.login()
	now.advance(time.Hour)
	answer := p.authorize(oauth2.GenerateVerifier(),
		oauth2.SetAuthURLParam("prompt", "none"), oauth2.SetAuthURLParam("max_age", "60"))
	assert.Equal(t, "login_required", answer.Get("error"))
}

func TestAnExpiredPassportSessionIsNone(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now, SessionLifetime: time.Hour}))
	p.login()
	now.advance(time.Hour)
	assert.Empty(t, p.auth.Sessions())
	p.login()
	assert.Equal(t, 2, p.auth.Logins())
}

func TestASessionMayLiveForEver(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now, SessionLifetime: -1}))
	p.login()
	now.advance(100 * 365 * 24 * time.Hour)
	require.Len(t, p.auth.Sessions(), 1)
	assert.True(t, p.auth.Sessions()[0].Expires.IsZero())
}

func TestAutoLoginTakesTheUserWhomTheClientNames(t *testing.T) {
	for _, test := range []struct{ param, value, want string }{
		{"login_hint", "bob@example.com", bob.Subject},
		{"email", "BOB@example.com", bob.Subject},
		{"login_hint", "nobody@example.com", alice.Subject},
		{"scope", "openid", alice.Subject},
	} {
		t.Run(test.param+"="+test.value, func(t *testing.T) {
			p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Users: []passporttest.User{alice, bob}}))
			p.login(oauth2.SetAuthURLParam(test.param, test.value))
			assert.Equal(t, test.want, p.auth.Sessions()[0].User.Subject)
		})
	}
}

func TestWhatIsBeyondOpenIDConnectIsRecorded(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login(oauth2.SetAuthURLParam("direct", "google"), oauth2.SetAuthURLParam("marketingConsent", "opted_in"))
	request := p.auth.Requests("/authorize")[0]
	assert.Equal(t, "google", request.Query.Get("direct"))
	assert.Equal(t, "opted_in", request.Query.Get("marketingConsent"))
}

func TestAuthorizeTakesAForm(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	resp, err := p.browser.PostForm(p.auth.URL+"/authorize", authorizeParams())
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.NotEmpty(t, answerTo(t, resp).Get("code"))
}

func sid(t *testing.T, id *oidc.IDToken) string {
	t.Helper()
	var claims struct {
		SID string `json:"sid"`
	}
	require.NoError(t, id.Claims(&claims))
	require.NotEmpty(t, claims.SID)
	return claims.SID
}
