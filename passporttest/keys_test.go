package passporttest_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

// published returns the ids of the keys in the JWKS.
func published(t *testing.T, auth *passporttest.Server) []string {
	t.Helper()
	resp, err := auth.Client().Get(auth.URL + keys)
	require.NoError(t, err)
	defer resp.Body.Close()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&set))
	var ids []string
	for _, key := range set.Keys {
		assert.Equal(t, "RSA", key["kty"])
		assert.Equal(t, "RS256", key["alg"])
		assert.Equal(t, "sig", key["use"])
		assert.NotContains(t, key, "d", "the private key must stay private")
		ids = append(ids, key["kid"].(string))
	}
	return ids
}

func TestKeysRotate(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	first := published(t, p.auth)
	require.Len(t, first, 1)
	before := p.login()
	assert.Equal(t, first[0], headerOf(t, before.Extra("id_token"))["kid"])

	p.auth.RotateKeys()
	second := published(t, p.auth)
	require.Len(t, second, 2)
	assert.Equal(t, first[0], second[1], "the key before stays published")
	after := p.login()
	assert.Equal(t, second[0], headerOf(t, after.Extra("id_token"))["kid"])
	p.verify(before)
	p.verify(after)

	p.auth.RotateKeys()
	third := published(t, p.auth)
	assert.NotContains(t, third, first[0])
	assert.Contains(t, third, second[0])
	verifier := oidc.NewVerifier(p.auth.Issuer(), oidc.NewRemoteKeySet(t.Context(), p.auth.URL+keys),
		&oidc.Config{ClientID: passporttest.ClientID})
	_, err := verifier.Verify(t.Context(), before.Extra("id_token").(string))
	assert.Error(t, err, "its key is gone")
}

func TestAccessTokensOutliveARotation(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login().AccessToken
	p.auth.RotateKeys()
	resp, _ := userinfo(t, p.auth, token)
	assert.Equal(t, 200, resp.StatusCode)
	p.auth.RotateKeys()
	resp, _ = userinfo(t, p.auth, token)
	assert.Equal(t, 401, resp.StatusCode)
}

func TestKeysRotateWhileTokensAreIssued(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login()
	var rotating sync.WaitGroup
	for range 3 {
		rotating.Go(p.auth.RotateKeys)
	}
	for range 5 {
		var err error
		token, err = p.refresh(token.RefreshToken)
		require.NoError(t, err)
	}
	rotating.Wait()
	assert.Len(t, published(t, p.auth), 2)
}
