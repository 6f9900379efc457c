package passporttest_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/passporttest"
)

const (
	callback  = "http://localhost:3000/redirect"
	afterward = "http://localhost:3000/silent-logout"
)

// party is a relying party without a server: its callback is never visited,
// for the browser stops at the redirect to it.
type party struct {
	t       *testing.T
	auth    *passporttest.Server
	browser *http.Client
	config  oauth2.Config
}

func start(t *testing.T, o passporttest.Options) *passporttest.Server {
	t.Helper()
	s := passporttest.NewServer(o)
	t.Cleanup(s.Close)
	return s
}

func newParty(t *testing.T, s *passporttest.Server) *party {
	t.Helper()
	return &party{
		t:       t,
		auth:    s,
		browser: stopAt(s.Browser(), callback, afterward),
		config: oauth2.Config{
			ClientID:    passporttest.ClientID,
			RedirectURL: callback,
			Scopes:      []string{"openid", "profile", "email", "offline_access", "transact"},
			Endpoint: oauth2.Endpoint{
				AuthURL:   s.URL + "/authorize",
				TokenURL:  s.URL + "/oauth/token",
				AuthStyle: oauth2.AuthStyleInParams,
			},
		},
	}
}

// stopAt makes a browser return the redirect to one of the URLs instead of
// following it.
func stopAt(browser *http.Client, urls ...string) *http.Client {
	browser.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		bare := *req.URL
		bare.RawQuery, bare.Fragment = "", ""
		for _, u := range urls {
			if bare.String() == u {
				return http.ErrUseLastResponse
			}
		}
		return nil
	}
	return browser
}

func (p *party) context() context.Context {
	return context.WithValue(p.t.Context(), oauth2.HTTPClient, p.auth.Client())
}

// visit returns the answer at which the browser ends up.
func (p *party) visit(rawURL string) *http.Response {
	p.t.Helper()
	resp, err := p.browser.Get(rawURL)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// authorize visits /authorize and returns the parameters that come back to the
// callback.
func (p *party) authorize(verifier string, options ...oauth2.AuthCodeOption) url.Values {
	p.t.Helper()
	options = append(options, oauth2.S256ChallengeOption(verifier))
	return answerTo(p.t, p.visit(p.config.AuthCodeURL("the-state", options...)))
}

func answerTo(t *testing.T, resp *http.Response) url.Values {
	t.Helper()
	require.Equal(t, http.StatusFound, resp.StatusCode)
	target, err := resp.Location()
	require.NoError(t, err)
	return target.Query()
}

// login signs in and returns the tokens.
func (p *party) login(options ...oauth2.AuthCodeOption) *oauth2.Token {
	p.t.Helper()
	verifier := oauth2.GenerateVerifier()
	answer := p.authorize(verifier, options...)
	require.Equal(p.t, "the-state", answer.Get("state"))
	token, err := p.config.Exchange(p.context(), answer.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(p.t, err)
	return token
}

func (p *party) refresh(refreshToken string) (*oauth2.Token, error) {
	source := p.config.TokenSource(p.context(), &oauth2.Token{RefreshToken: refreshToken})
	return source.Token()
}

func (p *party) revoke(token string) *http.Response {
	p.t.Helper()
	resp, err := p.auth.Client().PostForm(p.auth.URL+"/oauth/revoke", url.Values{
		"client_id": {p.config.ClientID}, "token": {token}, "token_type_hint": {"refresh_token"},
	})
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func (p *party) verify(token *oauth2.Token) *oidc.IDToken {
	p.t.Helper()
	ctx := oidc.ClientContext(p.t.Context(), p.auth.Client())
	provider, err := oidc.NewProvider(ctx, p.auth.Issuer())
	require.NoError(p.t, err)
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: p.config.ClientID}).Verify(ctx, raw)
	require.NoError(p.t, err)
	return id
}

func (p *party) logoutURL() string {
	return p.auth.URL + "/v2/logout?" + url.Values{"client_id": {p.config.ClientID}, "returnTo": {afterward}}.Encode()
}

func TestAWholeLifeOfASession(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))

	token := p.login(oidc.Nonce("the-nonce"), oauth2.SetAuthURLParam("audience", "platform_api"))
	id := p.verify(token)
	assert.Equal(t, passporttest.DefaultUser().Subject, id.Subject)
	assert.Equal(t, "the-nonce", id.Nonce)
	require.Len(t, p.auth.Sessions(), 1)

	renewed, err := p.refresh(token.RefreshToken)
	require.NoError(t, err)
	assert.Equal(t, passporttest.Rotated, p.auth.RefreshToken(token.RefreshToken).State)

	assert.Equal(t, http.StatusOK, p.revoke(renewed.RefreshToken).StatusCode)
	assert.Equal(t, passporttest.Revoked, p.auth.RefreshToken(renewed.RefreshToken).State)

	resp := p.visit(p.logoutURL())
	assert.Equal(t, http.StatusFound, resp.StatusCode)
	assert.Equal(t, afterward, resp.Header.Get("Location"))
	assert.Empty(t, p.auth.Sessions())
}
