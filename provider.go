package passport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// provider speaks with the auth domain, server to server.
type provider struct {
	c         *settled
	client    *http.Client
	directory *directory
}

func newProvider(c *settled, t *tasks) *provider {
	client := *c.HTTPClient
	client.Jar = nil // one user's cookies are not another's
	client.Timeout = either(client.Timeout, defaultHTTPTimeout)
	// A redirect would hand tokens and codes to another address.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &provider{c: c, client: &client, directory: newDirectory(c, &client, t)}
}

// signingAlgs are those that a provider's tokens may be signed by: the
// asymmetric ones, never "none".
var signingAlgs = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// exchange trades an authorization code for tokens and verifies the ID token.
func (p *provider) exchange(ctx context.Context, code string, l pendingLogin) (tokens, *oidc.IDToken, error) {
	at, err := p.directory.look(ctx)
	if err != nil {
		return tokens{}, nil, err
	}
	answer, err := at.oauth.Exchange(p.use(ctx), code, oauth2.VerifierOption(l.verifier()),
		oauth2.SetAuthURLParam("redirect_uri", p.c.RedirectURI))
	if err != nil {
		return tokens{}, nil, tokenError(err)
	}
	return p.admit(ctx, answer, l.nonce())
}

// admit verifies the ID token of a login. The nonce is empty if the login sent
// none.
func (p *provider) admit(ctx context.Context, answer *oauth2.Token, nonce string) (tokens, *oidc.IDToken, error) {
	t := p.tokensFrom(answer)
	id, err := p.verifyIDToken(ctx, t.IDToken)
	if err != nil {
		return t, nil, err
	}
	if id.Nonce != nonce {
		return t, nil, errors.New("passport: the ID token's nonce is not the one of this login")
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(t.AccessToken.Reveal()) != nil {
		return t, nil, errors.New("passport: the ID token's at_hash does not fit the access token")
	}
	return t, id, nil
}

// verifyIDToken checks issuer, audience, expiry and signature (OpenID Connect
// Core 1.0 §3.1.3.7), and that it is not a logout token.
func (p *provider) verifyIDToken(ctx context.Context, raw Secret) (*oidc.IDToken, error) {
	if raw == "" {
		return nil, errors.New("passport: the auth domain's answer has no ID token")
	}
	at, err := p.directory.look(ctx)
	if err != nil {
		return nil, err
	}
	id, err := at.idTokens.Verify(p.use(ctx), raw.Reveal())
	if err != nil {
		return nil, fmt.Errorf("passport: the ID token is not valid: %w", err)
	}
	var claims map[string]json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return nil, errors.New("passport: the ID token's claims are not readable")
	}
	// A logout token is signed by the same key for the same audience
	// (OpenID Connect Back-Channel Logout 1.0 §2.4).
	if _, isLogoutToken := claims["events"]; isLogoutToken {
		return nil, errors.New("passport: a logout token is no ID token")
	}
	if id.Subject == "" {
		return nil, errors.New("passport: the ID token has no subject")
	}
	return id, nil
}

// refresh trades a refresh token for new tokens. What the answer leaves out
// stays as it is in old.
func (p *provider) refresh(ctx context.Context, subject string, old tokens) (tokens, error) {
	at, err := p.directory.look(ctx)
	if err != nil {
		return tokens{}, err
	}
	answer, err := at.oauth.TokenSource(p.use(ctx), &oauth2.Token{RefreshToken: old.RefreshToken.Reveal()}).Token()
	if err != nil {
		return tokens{}, tokenError(err)
	}
	t := p.tokensFrom(answer)
	t.RefreshToken = either(t.RefreshToken, old.RefreshToken)
	t.Scope = either(t.Scope, old.Scope)
	if t.IDToken == "" {
		t.IDToken = old.IDToken
		return t, nil
	}
	id, err := p.verifyIDToken(ctx, t.IDToken)
	switch {
	case err != nil: // no reason to lose the rotated refresh token
		t.IDToken = old.IDToken
	case id.Subject != subject: // OpenID Connect Core 1.0 §12.2
		return t, errOtherSubject
	}
	return t, nil
}

var errOtherSubject = errors.New("passport: the refreshed ID token is another user's")

func (p *provider) tokensFrom(answer *oauth2.Token) tokens {
	id, _ := answer.Extra("id_token").(string)
	scope, _ := answer.Extra("scope").(string)
	t := tokens{
		IDToken:      Secret(id),
		AccessToken:  Secret(answer.AccessToken),
		RefreshToken: Secret(answer.RefreshToken),
		TokenType:    answer.Type(),
		Scope:        scope,
	}
	switch {
	case answer.ExpiresIn > 0:
		t.Expiry = p.c.Now().Add(time.Duration(answer.ExpiresIn) * time.Second)
	default:
		t.Expiry = expiryOf(t.AccessToken)
	}
	return t
}

// expiryOf reads exp from an access token that is a JWT; zero if there is none.
func expiryOf(token Secret) time.Time {
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if readClaims(token, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

// errNoRevocation reports a provider that has no revocation endpoint.
var errNoRevocation = errors.New("passport: the provider has no revocation endpoint")

// revoke asks the auth domain to revoke a refresh token (RFC 7009 §2.1).
func (p *provider) revoke(ctx context.Context, token Secret) error {
	at, err := p.directory.look(ctx)
	if err != nil {
		return err
	}
	if at.endpoints.Revoke == "" {
		return errNoRevocation
	}
	form := url.Values{"token": {token.Reveal()}, "token_type_hint": {"refresh_token"}}
	res, body, err := p.post(ctx, at, at.endpoints.Revoke, form)
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	refused := errorIn(res, body)
	return &revocationError{
		ProviderError: refused,
		final:         p.finalRevocation(res.StatusCode, refused.Code != "" || len(body) == 0),
		retryAfter:    retryAfter(res.Header.Get("Retry-After"), p.c.Now()),
	}
}

// post sends a form to one of the provider's endpoints, as this client (RFC 6749
// §2.3.1), and returns the answer with its body.
func (p *provider) post(ctx context.Context, at *entry, address string, form url.Values) (*http.Response, []byte, error) {
	basic := at.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !basic {
		form.Set("client_id", p.c.ClientID)
		if p.c.ClientSecret != "" {
			form.Set("client_secret", p.c.ClientSecret.Reveal())
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, errors.New("passport: the provider's endpoint is not a URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.SetBasicAuth(url.QueryEscape(p.c.ClientID), url.QueryEscape(p.c.ClientSecret.Reveal()))
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("passport: the auth domain could not be reached: %w", err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what is cut off is not readable, and said to be so
	return res, body, nil
}

// errorIn reads an OAuth error (RFC 6749 §5.2). An answer that is not JSON has
// its status alone.
func errorIn(res *http.Response, body []byte) *ProviderError {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &answer)
	return newProviderError(res.StatusCode, answer.Error, answer.Description)
}

// revocationError is an answer other than 200.
type revocationError struct {
	*ProviderError
	final      bool          // asking again cannot help
	retryAfter time.Duration // 0 if the auth domain did not say
}

func (e *revocationError) Unwrap() error { return e.ProviderError }

// finalRevocation reports whether a status means that this token will never be
// revoked. RFC 7009 §2.2.1: 503 means "still there, try again". A refused
// client may be a secret that is about to be replaced; a public client that is
// refused has nothing to replace. An answer that is not in the provider's words
// comes from something in between, and says nothing of the token.
func (p *provider) finalRevocation(status int, itsWords bool) bool {
	if !itsWords {
		return false
	}
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return true
	case http.StatusUnauthorized, http.StatusForbidden:
		return p.c.ClientSecret == ""
	}
	return false
}

// retryAfter reads both forms of the header (RFC 9110 §10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// use makes x/oauth2 and go-oidc take our HTTP client.
func (p *provider) use(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

// tokenError keeps of an error what is fit to be shown: x/oauth2 repeats the
// whole answer, which may hold anything.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		var network *url.Error
		if errors.As(err, &network) {
			return fmt.Errorf("passport: the auth domain could not be reached: %w", err)
		}
		return errors.New("passport: the auth domain's answer to the token request is not usable")
	}
	status := 0
	if refused.Response != nil {
		status = refused.Response.StatusCode
	}
	e := newProviderError(status, refused.ErrorCode, refused.ErrorDescription)
	e.wordless = len(refused.Body) == 0
	return e
}

// refusedForGood reports whether a refresh failed because the refresh token is
// dead, and not because the auth domain is unwell. Providers say it in several
// ways: invalid_grant, invalid_request, or a 400 without a word. A 400 with
// other words than an OAuth error comes from something in between.
func refusedForGood(err error) bool {
	var e *ProviderError
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == "invalid_grant" || e.Status == http.StatusBadRequest && (e.Code == "invalid_request" || e.wordless)
}
