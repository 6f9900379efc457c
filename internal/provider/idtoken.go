package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// signingAlgs are those that a provider's tokens may be signed by: the
// asymmetric ones, never "none".
var signingAlgs = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// IDToken is a verified ID token.
type IDToken struct {
	Subject  string
	SID      string    // may be empty
	Nonce    string    // may be empty
	AuthTime time.Time // when the user proved who they are; zero if the token does not say

	verified *oidc.IDToken
}

func (t *IDToken) hashed() bool { return t.verified.AccessTokenHash != "" }

func (t *IDToken) verifyAccessToken(token string) error { return t.verified.VerifyAccessToken(token) }

// VerifyIDToken checks issuer, audience, expiry and signature (OpenID Connect
// Core 1.0 §3.1.3.7), and that it is not a logout token.
func (c *Client) VerifyIDToken(ctx context.Context, raw string) (*IDToken, error) {
	if raw == "" {
		return nil, errors.New("passport: the auth domain's answer has no ID token")
	}
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	verified, err := m.idTokens.Verify(c.withClient(ctx), raw)
	if err != nil {
		return nil, fmt.Errorf("passport: the ID token is not valid: %w", err)
	}
	var claims map[string]json.RawMessage
	if err := verified.Claims(&claims); err != nil {
		return nil, errors.New("passport: the ID token's claims are not readable")
	}
	// A logout token is signed by the same key for the same audience
	// (OpenID Connect Back-Channel Logout 1.0 §2.4).
	if _, isLogoutToken := claims["events"]; isLogoutToken {
		return nil, errors.New("passport: a logout token is no ID token")
	}
	if verified.Subject == "" {
		return nil, errors.New("passport: the ID token has no subject")
	}
	id := &IDToken{Subject: verified.Subject, Nonce: verified.Nonce, verified: verified}
	if raw, given := claims["sid"]; given && string(raw) != "null" {
		if json.Unmarshal(raw, &id.SID) != nil {
			return nil, errors.New("passport: the ID token's sid is not a string")
		}
	}
	id.AuthTime, _ = numericDate(claims["auth_time"])
	return id, nil
}
