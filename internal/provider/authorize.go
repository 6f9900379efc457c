package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

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

// AuthorizeURL is where the browser goes to sign in. A provider that requires it, of
// this client or of all, gets the request first (RFC 9126).
func (c *Client) AuthorizeURL(ctx context.Context, r AuthRequest) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return "", err
	}
	params := url.Values{
		"client_id":             {c.c.ClientID},
		"code_challenge":        {oauth2.S256ChallengeFromVerifier(r.Verifier)},
		"code_challenge_method": {"S256"},
		"nonce":                 {r.Nonce},
		"redirect_uri":          {r.RedirectURI},
		"response_type":         {"code"},
		"scope":                 {strings.Join(m.scopes, " ")},
		"state":                 {r.State},
	}
	if c.c.Audience != "" {
		params.Set("audience", c.c.Audience)
	}
	for name, value := range c.c.LoginParams {
		params.Set(name, value)
	}
	for name, value := range r.Params {
		if value != "" {
			params.Set(name, value)
		}
	}
	if m.push {
		if params, err = c.push(ctx, m, params); err != nil {
			return "", err
		}
	}
	return WithQuery(m.Endpoints.Authorize, params), nil
}

// push hands a request to the provider (RFC 9126 §2) and returns the parameters
// that stand for it.
func (c *Client) push(ctx context.Context, m *Metadata, params url.Values) (url.Values, error) {
	var res response
	err := forLogin(c.begins, func() (err error) {
		res, err = c.post(ctx, m, m.pushed, params)
		return err
	})
	if err != nil {
		return nil, err
	}
	if res.status != http.StatusCreated && res.status != http.StatusOK {
		return nil, res.err()
	}
	o, err := res.object()
	if err != nil {
		return nil, err
	}
	uri, _ := o.Text("request_uri")
	if uri == "" {
		return nil, res.unusable("has no request_uri")
	}
	return url.Values{"client_id": {c.c.ClientID}, "request_uri": {uri}}, nil
}

// WithParams is WithQuery for a map, which may be empty.
func WithParams(address string, params map[string]string) string {
	if address == "" || len(params) == 0 {
		return address
	}
	values := url.Values{}
	for name, value := range params {
		values.Set(name, value)
	}
	return WithQuery(address, values)
}

// WithQuery adds parameters to an address that may have some already.
func WithQuery(address string, params url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + params.Encode()
}

// CodeOf returns the code of a response to a login, or the [Error] that it
// brought.
func (c *Client) CodeOf(ctx context.Context, response url.Values) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return "", err
	}
	failed := response.Get("error")
	// RFC 9207 §2.4: a response that names another issuer is a mix-up, and so is
	// one that names none where the provider always does. Some leave it out of
	// errors, which bring nothing that could be misused.
	iss, named := response["iss"]
	switch {
	case !named && m.IssuerInResponse && failed == "":
		return "", errors.New("passport: the callback does not name its issuer, as this provider's do")
	case named && (len(iss) != 1 || !c.isIssuer(iss[0])):
		return "", errors.New("passport: the callback does not come from Config.Issuer")
	case failed != "":
		return "", Refusal(response)
	}
	code := response.Get("code")
	if code == "" {
		return "", errors.New("passport: the callback has neither a code nor an error")
	}
	return code, nil
}

// Refusal is the [Error] in a response to a login, or nil.
func Refusal(response url.Values) *Error {
	code := response.Get("error")
	if code == "" {
		return nil
	}
	return newError(0, code, response.Get("error_description"))
}

// isIssuer compares an issuer whose tenant is not known yet.
func (c *Client) isIssuer(iss string) bool {
	before, after, templated := strings.Cut(c.c.Issuer, TenantPlaceholder)
	if !templated {
		return iss == c.c.Issuer
	}
	tenant, ok := strings.CutPrefix(iss, before)
	if !ok {
		return false
	}
	tenant, ok = strings.CutSuffix(tenant, after)
	return ok && isTenant(tenant)
}
