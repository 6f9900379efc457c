package provider

import (
	"context"
	"errors"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// AuthRequest is an authentication request (OpenID Connect Core 1.0 §3.1.2.1).
type AuthRequest struct {
	RedirectURI string
	State       string
	Nonce       string
	Verifier    string // of PKCE (RFC 7636 §4.1); the request carries its S256 challenge

	// Params are further parameters. Empty ones are left out.
	Params map[string]string
}

// AuthorizeURL is where the browser goes to sign in.
func (c *Client) AuthorizeURL(ctx context.Context, r AuthRequest) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return "", err
	}
	params := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(r.Verifier),
		oidc.Nonce(r.Nonce),
		oauth2.SetAuthURLParam("redirect_uri", r.RedirectURI),
	}
	if c.c.Audience != "" {
		params = append(params, oauth2.SetAuthURLParam("audience", c.c.Audience))
	}
	for name, value := range r.Params {
		if value != "" {
			params = append(params, oauth2.SetAuthURLParam(name, value))
		}
	}
	return m.oauth.AuthCodeURL(r.State, params...), nil
}

// CodeOf returns the code of a response to a login, or the [Error] that it
// brought.
func (c *Client) CodeOf(ctx context.Context, response url.Values) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return "", err
	}
	// RFC 9207 §2.4: an answer that names another issuer is a mix-up, and so is
	// one that names none where the provider always does.
	if iss := response.Get("iss"); iss != c.c.Issuer && (iss != "" || m.IssuerInResponse) {
		return "", errors.New("passport: the callback does not come from Config.Issuer")
	}
	if code := response.Get("error"); code != "" {
		return "", newError(0, code, response.Get("error_description"))
	}
	code := response.Get("code")
	if code == "" {
		return "", errors.New("passport: the callback has neither a code nor an error")
	}
	return code, nil
}
