package provider

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Tokens are a response of the token endpoint (RFC 6749 §5.1).
type Tokens struct {
	IDToken      string
	AccessToken  string
	RefreshToken string // may be empty
	TokenType    string
	Scope        string    // may be empty
	Expiry       time.Time // of the access token; zero if the provider did not say
}

// Format prints nothing of the tokens, whatever the verb.
func (t Tokens) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "provider.Tokens") }

// CodeGrant is what a code is traded for tokens with.
type CodeGrant struct {
	Code        string
	RedirectURI string // of the login
	Verifier    string
	Nonce       string
}

// Format prints nothing of the code, whatever the verb.
func (g CodeGrant) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "provider.CodeGrant") }

// Exchange trades an authorization code for tokens and verifies the ID token. With
// an error, the tokens that were issued come along, to be revoked.
func (c *Client) Exchange(ctx context.Context, g CodeGrant) (Tokens, *IDToken, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return Tokens{}, nil, err
	}
	response, err := m.oauth.Exchange(c.withClient(ctx), g.Code, oauth2.VerifierOption(g.Verifier),
		oauth2.SetAuthURLParam("redirect_uri", g.RedirectURI))
	if err != nil {
		return Tokens{}, nil, tokenError(err)
	}
	return c.admit(ctx, response, g.Nonce)
}

// admit verifies the ID token of a login. The nonce is empty if the login sent
// none.
func (c *Client) admit(ctx context.Context, response *oauth2.Token, nonce string) (Tokens, *IDToken, error) {
	t := c.tokensFrom(response)
	id, err := c.VerifyIDToken(ctx, t.IDToken)
	if err != nil {
		return t, nil, err
	}
	if id.Nonce != nonce {
		return t, nil, errors.New("passport: the ID token's nonce is not the one of this login")
	}
	if id.hashed() && id.verifyAccessToken(t.AccessToken) != nil {
		return t, nil, errors.New("passport: the ID token's at_hash does not match the access token")
	}
	return t, id, nil
}

// ErrOtherSubject is of a refresh that brought another user's ID token (OpenID
// Connect Core 1.0 §12.2). The tokens come along, to be revoked.
var ErrOtherSubject = errors.New("passport: the refreshed ID token is another user's")

// Refresh trades a refresh token for new tokens. What the response leaves out
// stays as it is in old.
func (c *Client) Refresh(ctx context.Context, subject string, old Tokens) (Tokens, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return Tokens{}, err
	}
	response, err := m.oauth.TokenSource(c.withClient(ctx), &oauth2.Token{RefreshToken: old.RefreshToken}).Token()
	if err != nil {
		return Tokens{}, tokenError(err)
	}
	t := c.tokensFrom(response)
	if t.RefreshToken == "" {
		t.RefreshToken = old.RefreshToken
	}
	if t.Scope == "" {
		t.Scope = old.Scope
	}
	if t.IDToken == "" {
		t.IDToken = old.IDToken
		return t, nil
	}
	id, err := c.VerifyIDToken(ctx, t.IDToken)
	switch {
	case err != nil: // no reason to lose the rotated refresh token
		t.IDToken = old.IDToken
	case id.Subject != subject:
		return t, ErrOtherSubject
	}
	return t, nil
}

func (c *Client) tokensFrom(response *oauth2.Token) Tokens {
	id, _ := response.Extra("id_token").(string)
	scope, _ := response.Extra("scope").(string)
	t := Tokens{
		IDToken:      id,
		AccessToken:  response.AccessToken,
		RefreshToken: response.RefreshToken,
		TokenType:    response.Type(),
		Scope:        scope,
		Expiry:       expiryOf(response.AccessToken),
	}
	if response.ExpiresIn > 0 {
		t.Expiry = c.c.Now().Add(time.Duration(response.ExpiresIn) * time.Second)
	}
	return t
}

// expiryOf reads exp from an access token that is a JWT; zero if there is none.
func expiryOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}
