package passporttest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func TestARevokedTokenCannotBeUsed(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login()
	resp := p.revoke(token.RefreshToken)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Empty(t, body(t, resp))
	assert.Equal(t, passporttest.Revoked, p.auth.RefreshToken(token.RefreshToken).State)

	_, err := p.refresh(token.RefreshToken)
	assertInvalidGrant(t, err)
	assert.Empty(t, p.auth.Incidents())
}

func TestRevocationAnswers200WhateverTheToken(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login()
	assert.Equal(t, http.StatusOK, p.revoke("unknown").StatusCode)
	assert.Equal(t, http.StatusOK, p.revoke(token.RefreshToken).StatusCode)
	assert.Equal(t, http.StatusOK, p.revoke(token.RefreshToken).StatusCode)
}

func TestRevokingAReplacedTokenLeavesTheNewOneAlive(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	first := p.login()
	second, err := p.refresh(first.RefreshToken)
	require.NoError(t, err)

	assert.Equal(t, http.StatusOK, p.revoke(first.RefreshToken).StatusCode)
	assert.Equal(t, passporttest.Rotated, p.auth.RefreshToken(first.RefreshToken).State)
	assert.Equal(t, passporttest.Live, p.auth.RefreshToken(second.RefreshToken).State)
}

func TestTheHintDoesNotNarrowTheSearch(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login()
	for _, hint := range []string{"access_token", "nonsense"} {
		post(t, p.auth.Client(), p.auth.URL+"/oauth/revoke", url.Values{
			"client_id": {passporttest.ClientID}, "token": {token.RefreshToken}, "token_type_hint": {hint},
		})
		assert.Equal(t, passporttest.Revoked, p.auth.RefreshToken(token.RefreshToken).State)
	}
}

func TestRevocationIsRefused(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: passporttest.ClientID, AnyLoopback: true}, {ID: "other", AnyLoopback: true}, {ID: "web", Secret: "secret"},
	}})
	p := newParty(t, auth)
	token := p.login().RefreshToken
	for _, test := range []struct {
		name   string
		form   url.Values
		status int
	}{
		{"without a client", url.Values{"token": {token}}, http.StatusBadRequest},
		{"without a token", url.Values{"client_id": {passporttest.ClientID}}, http.StatusBadRequest},
		{"for an unknown client", url.Values{"client_id": {"nobody"}, "token": {token}}, http.StatusUnauthorized},
		{"for another client", url.Values{"client_id": {"other"}, "token": {token}}, http.StatusForbidden},
		{"without the secret", url.Values{"client_id": {"web"}, "token": {token}}, http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, answer := post(t, auth.Client(), auth.URL+"/oauth/revoke", test.form)
			assert.Equal(t, test.status, resp.StatusCode)
			assert.NotEmpty(t, answer["error"])
		})
	}
	assert.Equal(t, passporttest.Live, auth.RefreshToken(token).State)
}
