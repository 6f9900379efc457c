package passporttest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/passporttest"
)

func TestAnIDTokenHasPassportsClaims(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now}))
	token := p.login(oidc.Nonce("the-nonce"))
	user := passporttest.DefaultUser()

	assert.Equal(t, map[string]any{
		"iss":       p.auth.URL + "/",
		"sub":       user.Subject,
		"aud":       passporttest.ClientID,
		"iat":       float64(now.Now().Unix()),
		"exp":       float64(now.Now().Add(10 * time.Hour).Unix()),
		"auth_time": float64(now.Now().Unix()),
		"nonce":     "the-nonce",
		"sid":       p.auth.Sessions()[0].SID,
		"email":     user.Email,
		"nickname":  user.Nickname,
		"username":  user.Username,
		"passport": map[string]any{
			"zkevm_eth_address":        user.ZkEVMEthAddress,
			"zkevm_user_admin_address": user.ZkEVMUserAdminAddress,
		},
	}, claimsOf(t, token.Extra("id_token")))
	assert.Equal(t, "JWT", headerOf(t, token.Extra("id_token"))["typ"])
}

func TestARefreshedIDTokenHasNoNonceAndTheFirstAuthTime(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now}))
	token := p.login(oidc.Nonce("the-nonce"))
	began := now.Now().Unix()
	now.advance(time.Hour)
	renewed, err := p.refresh(token.RefreshToken)
	require.NoError(t, err)

	claims := claimsOf(t, renewed.Extra("id_token"))
	assert.NotContains(t, claims, "nonce")
	assert.EqualValues(t, began, claims["auth_time"])
	assert.EqualValues(t, now.Now().Unix(), claims["iat"])
	assert.Equal(t, p.auth.Sessions()[0].SID, claims["sid"])
}

func TestClaimsThatAreEmptyOrOutOfScopeAreLeftOut(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Users: []passporttest.User{{Subject: "bare"}}}))
	claims := claimsOf(t, p.login().Extra("id_token"))
	for _, name := range []string{"email", "nickname", "username", "passport", "nonce"} {
		assert.NotContains(t, claims, name)
	}

	q := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	q.config.Scopes = []string{"openid"}
	claims = claimsOf(t, q.login().Extra("id_token"))
	assert.NotContains(t, claims, "email")
	assert.NotContains(t, claims, "nickname")
	assert.Contains(t, claims, "passport")
}

func TestAnAccessTokenIsForItsAudience(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	platform := oauth2.SetAuthURLParam("audience", "platform_api")
	userinfo := p.auth.URL + "/userinfo"

	claims := claimsOf(t, p.login(platform).AccessToken)
	assert.Equal(t, []any{"platform_api", userinfo}, claims["aud"])
	assert.Equal(t, p.auth.URL+"/", claims["iss"])
	assert.Equal(t, passporttest.DefaultUser().Subject, claims["sub"])
	assert.Equal(t, passporttest.ClientID, claims["azp"])
	assert.Equal(t, "openid profile email offline_access transact", claims["scope"])

	assert.Equal(t, userinfo, claimsOf(t, p.login().AccessToken)["aud"])
	p.config.Scopes = []string{"transact"}
	assert.Equal(t, "platform_api", claimsOf(t, p.login(platform).AccessToken)["aud"])
}

func TestLifetimes(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{
		AutoLogin: true, Now: now.Now, IDTokenLifetime: time.Minute, AccessTokenLifetime: time.Hour,
	}))
	token := p.login()
	assert.EqualValues(t, now.Now().Add(time.Minute).Unix(), claimsOf(t, token.Extra("id_token"))["exp"])
	assert.EqualValues(t, now.Now().Add(time.Hour).Unix(), claimsOf(t, token.AccessToken)["exp"])
	assert.EqualValues(t, 3600, token.Extra("expires_in"))
}

func TestTokensMayComeWithoutExpiry(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, IDTokenLifetime: -1, AccessTokenLifetime: -1}))
	token := p.login()
	assert.NotContains(t, claimsOf(t, token.Extra("id_token")), "exp")
	assert.NotContains(t, claimsOf(t, token.AccessToken), "exp")
	assert.Nil(t, token.Extra("expires_in"))
}

func userinfo(t *testing.T, auth *passporttest.Server, token string) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, auth.URL+"/userinfo", nil)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := auth.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var claims map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&claims)
	return resp, claims
}

func TestUserinfoAnswersForAnAccessToken(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, Now: now.Now}))
	token := p.login(oauth2.SetAuthURLParam("audience", "platform_api"))
	resp, claims := userinfo(t, p.auth, token.AccessToken)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, passporttest.DefaultUser().Subject, claims["sub"])
	assert.Equal(t, passporttest.DefaultUser().Email, claims["email"])

	p.config.Scopes = []string{"transact"}
	forAPI := p.login(oauth2.SetAuthURLParam("audience", "platform_api")).AccessToken
	now.advance(time.Minute)
	for name, bad := range map[string]string{
		"none": "", "not a token": "x", "an ID token": token.Extra("id_token").(string), "for the API alone": forAPI,
	} {
		resp, _ := userinfo(t, p.auth, bad)
		assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, name)
		assert.Contains(t, resp.Header.Get("WWW-Authenticate"), "Bearer", name)
	}

	now.advance(24 * time.Hour)
	resp, _ = userinfo(t, p.auth, token.AccessToken)
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, "expired")
}
