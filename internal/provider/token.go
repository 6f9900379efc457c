package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/text"
)

// Tokens are a response of the token endpoint (RFC 6749 §5.1).
type Tokens struct {
	IDToken      string
	AccessToken  string // may be empty
	RefreshToken string // may be empty
	TokenType    string
	Scope        string    // may be empty
	Expiry       time.Time // of the access token
	UserInfo     string    // claims of the UserInfo endpoint, a JSON object; empty if it was not asked
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
// an error, the tokens that were issued come along, to be revoked. ErrBusy: the code was
// not sent.
func (c *Client) Exchange(ctx context.Context, g CodeGrant) (t Tokens, id *IDToken, err error) {
	err = forLogin(c.codes, func() (err error) {
		if t, err = c.codeGrant(ctx, g); err == nil {
			t, id, err = c.admit(ctx, t, g.Nonce)
		}
		return err
	})
	return t, id, err
}

// codeGrant asks once more if the connection broke: the code may not have arrived. If it
// has, the provider refuses it, and should revoke the tokens that got lost (RFC 6749
// §4.1.2). Then the first error is the reason: no refusal says that the code is unused.
func (c *Client) codeGrant(ctx context.Context, g CodeGrant) (Tokens, error) {
	t, lost, err := c.grantTwice(ctx, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {g.Code},
		"redirect_uri":  {g.RedirectURI},
		"code_verifier": {g.Verifier},
	})
	if lost != nil && errors.As(err, new(*Error)) {
		return t, lost
	}
	return t, err
}

// admit verifies the ID token of a login. The nonce is empty if the login sent
// none.
func (c *Client) admit(ctx context.Context, t Tokens, nonce string) (Tokens, *IDToken, error) {
	id, err := c.VerifyIDToken(ctx, t.IDToken)
	if err != nil {
		return t, nil, err
	}
	if err := errors.Join(id.checkNonce(nonce), id.checkAccessToken(t.AccessToken)); err != nil {
		return t, nil, err
	}
	if c.c.UserInfo {
		if t.UserInfo, err = c.UserInfo(ctx, t.AccessToken, id.Subject); err != nil {
			return t, nil, err
		}
	}
	return t, id, nil
}

// ErrOtherSubject is of a refresh that brought another user's ID token (OpenID
// Connect Core 1.0 §12.2). The tokens come along, to be revoked.
var ErrOtherSubject = errors.New("passport: the refreshed ID token is another user's")

// Refresh trades a refresh token for new tokens. What the response leaves out
// stays as it is in old; so does the ID token if the new one says less.
//
// After any other failure than [InvalidGrant], the same token is not sent again for a
// while: the error of then is returned at once. See [Client.RefreshDelayed].
func (c *Client) Refresh(ctx context.Context, subject string, old Tokens) (Tokens, error) {
	if err := c.RefreshDelayed(old.RefreshToken); err != nil {
		return Tokens{}, err
	}
	t, err := c.refreshGrant(ctx, old.RefreshToken)
	c.backOff.note(old.RefreshToken, err)
	if err != nil {
		return t, err
	}
	if t.RefreshToken == "" {
		t.RefreshToken = old.RefreshToken
	}
	if t.Scope == "" {
		t.Scope = old.Scope
	}
	t.UserInfo = old.UserInfo
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
	case saysLess(id.claims, old.IDToken):
		t.IDToken = old.IDToken
	}
	return t, nil
}

// refreshGrant asks once more, at once, if the connection broke: the response may have got
// lost, and with it the refresh token that replaces this one. Providers that allow for
// that (a reuse interval, a grace period) do so for some seconds only.
func (c *Client) refreshGrant(ctx context.Context, refreshToken string) (Tokens, error) {
	t, _, err := c.grantTwice(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
	return t, err
}

// grantTwice is grant that asks once more if the connection broke, which is lost then.
func (c *Client) grantTwice(ctx context.Context, form url.Values) (t Tokens, lost, err error) {
	t, err = c.grant(ctx, maps.Clone(form)) // a call adds to it
	if broken(err) && ctx.Err() == nil {
		lost = err
		t, err = c.grant(ctx, form)
	}
	return t, lost, err
}

// saysLess reports whether a refreshed ID token lacks a claim of the login's, or
// is of another session at the provider. Claims that belong to one response do not
// count.
func saysLess(refreshed jwt.Object, login string) bool {
	before, err := jwt.Parse(login)
	if err != nil {
		return false
	}
	for name := range before.Claims {
		switch name {
		case "nonce", "at_hash", "c_hash", "s_hash", "jti", "nbf", "rt_hash":
			continue
		}
		if refreshed.Null(name) && !before.Claims.Null(name) {
			return true
		}
	}
	sid, _ := refreshed.Text("sid")
	loginSID, _ := before.Claims.Text("sid")
	return sid != loginSID
}

// grant asks the token endpoint. With an error, tokens that were issued come along.
func (c *Client) grant(ctx context.Context, form url.Values) (Tokens, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return Tokens{}, err
	}
	res, err := c.post(ctx, m, m.Endpoints.Token, form)
	if err != nil {
		return Tokens{}, err
	}
	o, err := res.object()
	code, refused := o.Text("error")
	switch {
	case res.status < 200 || res.status > 299, refused && code != "":
		return Tokens{}, res.err()
	case err != nil:
		return Tokens{}, err
	}
	return c.tokensFrom(res, o)
}

// object reads a JSON object or, from providers of before RFC 6749, a form. What
// counts is what it is, and not what the Content-Type says.
func (r response) object() (jwt.Object, error) {
	if r.isPage() {
		return nil, r.notTheirs()
	}
	body := trimBOM(r.body)
	o, err := jwt.ParseObject(body)
	if err == nil {
		return o, nil
	}
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	form, formErr := url.ParseQuery(string(body))
	if formErr != nil || kind != "application/x-www-form-urlencoded" && (kind != "text/plain" || !form.Has("access_token")) {
		return nil, r.unusable("is " + err.Error())
	}
	o = jwt.Object{}
	for name, values := range form {
		if len(values) > 1 {
			return nil, r.unusable("has a parameter twice")
		}
		o[name] = []byte(strconv.QuoteToASCII(values[0]))
	}
	return o, nil
}

func (c *Client) tokensFrom(res response, o jwt.Object) (Tokens, error) {
	t := Tokens{TokenType: "Bearer"}
	t.IDToken, _ = o.Text("id_token")
	t.AccessToken, _ = o.Text("access_token")
	t.RefreshToken, _ = o.Text("refresh_token")
	scopes, _ := o.Texts("scope") // some send an array
	t.Scope = strings.Join(scopes, " ")
	if kind, ok := o.Text("token_type"); ok && kind != "" && !strings.EqualFold(kind, "Bearer") {
		// RFC 6749 §7.1, OpenID Connect Core 1.0 §3.1.3.3
		return t, fmt.Errorf("passport: the access token's token_type is %q: only Bearer is understood", text.Line(kind, 20))
	}
	if t.AccessToken == "" && t.IDToken == "" {
		return t, res.unusable("has neither an access_token nor an id_token")
	}
	if t.AccessToken != "" {
		t.Expiry = c.expiryOf(o, t.AccessToken)
	}
	return t, nil
}

const (
	// DefaultTokenLife is how long an access token is taken to live if neither
	// the response nor the token itself says.
	DefaultTokenLife = time.Hour

	// maxTokenLife bounds what a provider may say.
	maxTokenLife = 10 * 365 * 24 * time.Hour
)

// expiryOf is what expires_in says or else, if the token is a JWT, its exp.
// RFC 6749 §5.1 only recommends expires_in; 0 is what some send who do not know. It goes by
// the wall clock alone: the other one stands still while the machine sleeps.
func (c *Client) expiryOf(o jwt.Object, token string) time.Time {
	if seconds, ok := o.Number("expires_in"); ok && seconds > 0 {
		life := time.Duration(math.Min(seconds, maxTokenLife.Seconds()) * float64(time.Second))
		return c.c.Now().Add(life).Round(0)
	}
	if read, err := jwt.Parse(token); err == nil {
		if exp, ok := read.Claims.Time("exp"); ok {
			return exp
		}
	}
	return c.c.Now().Add(DefaultTokenLife).Round(0)
}

// maxUserInfo bounds what a session keeps of the UserInfo endpoint.
const maxUserInfo = 64 << 10

// UserInfo reads the claims of the UserInfo endpoint (OpenID Connect Core 1.0
// §5.3), which have to be the same user's (§5.3.2).
func (c *Client) UserInfo(ctx context.Context, accessToken, subject string) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return "", err
	}
	if m.Endpoints.UserInfo == "" {
		return "", fmt.Errorf("passport: the provider has no userinfo_endpoint, so Config.UserInfo cannot be set: %w", errors.ErrUnsupported)
	}
	res, err := c.get(ctx, m.Endpoints.UserInfo, accessToken)
	if err != nil {
		return "", err
	}
	if res.status != http.StatusOK {
		return "", fmt.Errorf("passport: the UserInfo endpoint: %w", res.err())
	}
	claims, err := c.userInfoClaims(ctx, res)
	if err != nil {
		return "", err
	}
	o, err := jwt.ParseObject(claims)
	if err != nil {
		return "", res.unusable("is " + err.Error())
	}
	if len(claims) > maxUserInfo {
		return "", res.unusable("is larger than 64 kB")
	}
	if sub, _ := o.Text("sub"); sub != subject {
		return "", errors.New("passport: the UserInfo endpoint answered for another user")
	}
	return string(claims), nil
}

// userInfoClaims are the body of a response, or those of the JWT in it (§5.3.2).
func (c *Client) userInfoClaims(ctx context.Context, res response) ([]byte, error) {
	kind, _, _ := mime.ParseMediaType(res.header.Get("Content-Type"))
	if kind != "application/jwt" {
		return trimBOM(res.body), nil
	}
	raw := strings.TrimSpace(string(res.body))
	token, err := jwt.Parse(raw)
	if err != nil {
		return nil, res.unusable(err.Error())
	}
	if err := errors.Join(c.checkIssuer(token.Claims), c.checkAudience(token.Claims)); err != nil {
		return nil, fmt.Errorf("passport: the response of the UserInfo endpoint is not valid: %w", err)
	}
	return token.Payload, c.verifySignature(ctx, raw, false)
}
