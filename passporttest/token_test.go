package passporttest_test

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/passporttest"
)

// exchangeForm signs in and returns the form that would exchange the code.
func exchangeForm(p *party) url.Values {
	p.t.Helper()
	verifier := oauth2.GenerateVerifier()
	return url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {p.config.ClientID},
		"code":          {p.authorize(verifier).Get("code")},
		"redirect_uri":  {callback},
		"code_verifier": {verifier},
	}
}

func TestACodeIsBoundToItsRequest(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: passporttest.ClientID, AnyLoopback: true}, {ID: "other", AnyLoopback: true},
	}})
	p := newParty(t, auth)
	for _, test := range []struct {
		name, param, value, want string
		status                   int
	}{
		{"another client", "client_id", "other", "invalid_grant", http.StatusForbidden},
		{"an unknown client", "client_id", "nobody", "invalid_client", http.StatusUnauthorized},
		{"no client", "client_id", "", "invalid_request", http.StatusBadRequest},
		{"an unknown code", "code", "unknown", "invalid_grant", http.StatusForbidden},
		{"another redirect URI", "redirect_uri", afterward, "invalid_grant", http.StatusForbidden},
		{"another verifier", "code_verifier", oauth2.GenerateVerifier(), "invalid_grant", http.StatusForbidden},
		{"no verifier", "code_verifier", "", "invalid_grant", http.StatusForbidden},
		{"another grant", "grant_type", "password", "unsupported_grant_type", http.StatusBadRequest},
		{"no grant", "grant_type", "", "invalid_request", http.StatusBadRequest},
		{"a secret where there is none", "client_secret", "secret", "invalid_client", http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			good := exchangeForm(p)
			form := url.Values{}
			for name := range good {
				form.Set(name, good.Get(name))
			}
			form.Set(test.param, test.value)
			resp, answer := post(t, auth.Client(), auth.URL+"/oauth/token", form)
			assert.Equal(t, test.status, resp.StatusCode)
			assert.Equal(t, test.want, answer["error"])
			assert.NotEmpty(t, answer["error_description"])

			resp, _ = post(t, auth.Client(), auth.URL+"/oauth/token", good)
			assert.Equal(t, http.StatusOK, resp.StatusCode, "a refused request must leave the code good")
		})
	}
	assert.Empty(t, auth.Incidents())
}

func TestACodeUsedTwiceKillsTheTokensThatCameFromIt(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	bystander := p.login()
	form := exchangeForm(p)
	_, first := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", form)
	renewed, err := p.refresh(first["refresh_token"].(string))
	require.NoError(t, err)

	resp, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", form)
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Equal(t, "invalid_grant", answer["error"])
	assert.Equal(t, passporttest.Killed, p.auth.RefreshToken(renewed.RefreshToken).State)
	assert.Equal(t, passporttest.Live, p.auth.RefreshToken(bystander.RefreshToken).State)
	require.Len(t, p.auth.Incidents(), 1)
	assert.Equal(t, "authorization_code", p.auth.Incidents()[0].Kind)
}

func TestACodeExpires(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now}))
	form := exchangeForm(p)
	now.advance(10 * time.Minute)
	resp, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", form)
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Equal(t, "invalid_grant", answer["error"])
}

func TestTokenAnswersAreNotStored(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	resp, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", exchangeForm(p))
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	assert.Equal(t, "Bearer", answer["token_type"])
	assert.EqualValues(t, 86400, answer["expires_in"])
	assert.Equal(t, "openid profile email offline_access transact", answer["scope"])
}

func TestTheScopeDecidesWhichTokensThereAre(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	for _, test := range []struct {
		scopes           []string
		id, refreshToken bool
	}{
		{[]string{"openid"}, true, false},
		{[]string{"offline_access"}, false, true},
		{[]string{"openid", "offline_access"}, true, true},
		{nil, false, false},
	} {
		p.config.Scopes = test.scopes
		token := p.login()
		assert.Equal(t, test.id, token.Extra("id_token") != nil, test.scopes)
		assert.Equal(t, test.refreshToken, token.RefreshToken != "", test.scopes)
	}
}

func TestAConfidentialClientMustAuthenticate(t *testing.T) {
	const secret = "s+cr/t %"
	auth := start(t, onlyClient(passporttest.Client{ID: "web:app", Secret: secret, RedirectURIs: []string{callback}}))
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams, oauth2.AuthStyleAutoDetect} {
		p := newParty(t, auth)
		p.config.ClientID, p.config.ClientSecret, p.config.Endpoint.AuthStyle = "web:app", secret, style
		token := p.login()
		_, err := p.refresh(token.RefreshToken)
		assert.NoError(t, err)

		p.config.ClientSecret = "wrong"
		_, err = p.refresh(token.RefreshToken)
		var failure *oauth2.RetrieveError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, "invalid_client", failure.ErrorCode)
		assert.Equal(t, http.StatusUnauthorized, failure.Response.StatusCode)
	}
	assert.Empty(t, auth.Incidents(), "a client that was not authenticated cannot cause one")
}

func TestPKCEIsOptionalForAConfidentialClientButCheckedIfUsed(t *testing.T) {
	p := newParty(t, start(t, onlyClient(passporttest.Client{ID: "web", Secret: "secret", AnyLoopback: true})))
	p.config.ClientID, p.config.ClientSecret = "web", "secret"

	plain := answerTo(t, p.visit(p.config.AuthCodeURL("the-state")))
	_, err := p.config.Exchange(p.context(), plain.Get("code"))
	assert.NoError(t, err)

	downgraded := answerTo(t, p.visit(p.config.AuthCodeURL("the-state")))
	_, err = p.config.Exchange(p.context(), downgraded.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier()))
	assert.Error(t, err, "a verifier for a request that sent no challenge is an attack")

	challenged := p.authorize(oauth2.GenerateVerifier())
	_, err = p.config.Exchange(p.context(), challenged.Get("code"))
	assert.Error(t, err)
}

func TestAPublicClientMaySendAnEmptySecretInTheHeader(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	assert.NotEmpty(t, p.login().AccessToken)
}

func TestRefreshTokensRotate(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	first := p.login()
	second, err := p.refresh(first.RefreshToken)
	require.NoError(t, err)
	third, err := p.refresh(second.RefreshToken)
	require.NoError(t, err)

	var states []passporttest.TokenState
	for _, token := range p.auth.RefreshTokens() {
		states = append(states, token.State)
	}
	assert.Equal(t, []passporttest.TokenState{passporttest.Rotated, passporttest.Rotated, passporttest.Live}, states)
	live := p.auth.RefreshTokens(passporttest.Live)
	require.Len(t, live, 1)
	assert.Equal(t, passporttest.RefreshToken{
		Value:    third.RefreshToken,
		State:    passporttest.Live,
		ClientID: passporttest.ClientID,
		Subject:  passporttest.DefaultUser().Subject,
		SID:      p.auth.Sessions()[0].SID,
	}, live[0])
	assert.Equal(t, passporttest.Unknown, p.auth.RefreshToken("never issued").State)
}

func TestARotatedTokenUsedAgainKillsItsFamily(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	bystander := p.login()
	first := p.login()
	second, err := p.refresh(first.RefreshToken)
	require.NoError(t, err)

	_, err = p.refresh(first.RefreshToken)
	assertInvalidGrant(t, err)
	assert.Equal(t, passporttest.Killed, p.auth.RefreshToken(second.RefreshToken).State)
	_, err = p.refresh(second.RefreshToken)
	assertInvalidGrant(t, err)

	assert.Equal(t, passporttest.Live, p.auth.RefreshToken(bystander.RefreshToken).State)
	require.Len(t, p.auth.Incidents(), 1)
	incident := p.auth.Incidents()[0]
	assert.Equal(t, "refresh_token", incident.Kind)
	assert.Equal(t, passporttest.ClientID, incident.ClientID)
	assert.Equal(t, passporttest.DefaultUser().Subject, incident.Subject)
}

func assertInvalidGrant(t *testing.T, err error) {
	t.Helper()
	var failure *oauth2.RetrieveError
	require.True(t, errors.As(err, &failure), "%v", err)
	assert.Equal(t, "invalid_grant", failure.ErrorCode)
	assert.Equal(t, http.StatusForbidden, failure.Response.StatusCode)
}

func TestOfManyRefreshesAtOnceOneSucceeds(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login()
	const n = 16
	var succeeded atomic.Int32
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if _, err := p.refresh(token.RefreshToken); err == nil {
				succeeded.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, succeeded.Load())
	assert.Len(t, p.auth.Incidents(), n-1)
	assert.Empty(t, p.auth.RefreshTokens(passporttest.Live))
}

func TestOfManyExchangesAtOnceOneSucceeds(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	form := exchangeForm(p)
	const n = 16
	var succeeded atomic.Int32
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			resp, err := p.auth.Client().PostForm(p.auth.URL+"/oauth/token", form)
			if !assert.NoError(t, err) {
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				succeeded.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, succeeded.Load())
	assert.Empty(t, p.auth.RefreshTokens(passporttest.Live))
}

func TestARefreshTokenIsItsClientsAlone(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: passporttest.ClientID, AnyLoopback: true}, {ID: "other", AnyLoopback: true},
	}})
	p := newParty(t, auth)
	token := p.login()
	p.config.ClientID = "other"
	_, err := p.refresh(token.RefreshToken)
	assertInvalidGrant(t, err)
	assert.Equal(t, passporttest.Live, auth.RefreshToken(token.RefreshToken).State)
}

func TestARefreshNeedsAToken(t *testing.T) {
	auth := start(t, passporttest.Options{})
	resp, answer := post(t, auth.Client(), auth.URL+"/oauth/token",
		url.Values{"grant_type": {"refresh_token"}, "client_id": {passporttest.ClientID}})
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Equal(t, "invalid_request", answer["error"])
}

func TestRefreshTokensExpireWithTheirFamily(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now, RefreshTokenLifetime: time.Hour}))
	first := p.login()
	now.advance(30 * time.Minute)
	second, err := p.refresh(first.RefreshToken)
	require.NoError(t, err)
	now.advance(30 * time.Minute)
	_, err = p.refresh(second.RefreshToken)
	assertInvalidGrant(t, err)
	assert.Equal(t, passporttest.Expired, p.auth.RefreshToken(second.RefreshToken).State)
	assert.Empty(t, p.auth.Incidents())
}

func TestStaticRefreshTokensStayTheSame(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, StaticRefreshTokens: true}))
	token := p.login()
	for range 2 {
		_, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {passporttest.ClientID}, "refresh_token": {token.RefreshToken},
		})
		assert.NotEmpty(t, answer["access_token"])
		assert.NotContains(t, answer, "refresh_token")
	}
	assert.Len(t, p.auth.RefreshTokens(passporttest.Live), 1)
}

func TestARefreshMayNarrowTheScopeButNotWidenIt(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.config.Scopes = []string{"openid", "email", "offline_access"}
	token := p.login()
	_, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", url.Values{
		"grant_type": {"refresh_token"}, "client_id": {passporttest.ClientID},
		"refresh_token": {token.RefreshToken}, "scope": {"transact openid"},
	})
	assert.Equal(t, "openid", answer["scope"])
	assert.NotContains(t, claimsOf(t, answer["id_token"]), "email")
}

func TestTokenStatesHaveNames(t *testing.T) {
	assert.Equal(t, "unknown", passporttest.Unknown.String())
	assert.Equal(t, "killed", passporttest.Killed.String())
	assert.Equal(t, "unknown", passporttest.TokenState(99).String())
}
