package provider

import (
	"context"
	"crypto"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passport-go/passport/internal/jwt"
)

// IDToken is a verified ID token.
type IDToken struct {
	Subject  string
	SID      string    // may be empty
	Issued   time.Time // zero if the token does not say
	AuthTime time.Time // when the user proved who they are; zero if the token does not say

	claims jwt.Object
	alg    string
}

// VerifyIDToken checks an ID token as OpenID Connect Core 1.0 §3.1.3.7 says:
// issuer, audience, authorized party, expiry and signature; and that it is no
// other kind of token. Claims go by their exact names. One that is not needed and
// of an unexpected type is taken for absent.
func (c *Client) VerifyIDToken(ctx context.Context, raw string) (*IDToken, error) {
	if raw == "" {
		return nil, errors.New("passport: the provider's response has no ID token")
	}
	id, err := c.verifyIDToken(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("passport: the ID token is not valid: %w", err)
	}
	return id, nil
}

func (c *Client) verifyIDToken(ctx context.Context, raw string) (*IDToken, error) {
	token, err := jwt.Parse(raw)
	if err != nil {
		return nil, err
	}
	// Tokens of other kinds are signed by the same keys for the same audience (RFC
	// 9068 §2.1, Back-Channel Logout 1.0 §2.4).
	typ, _ := token.Type()
	if slices.Contains([]string{"at+jwt", "logout+jwt", "secevent+jwt"}, typ) || token.Claims.Has("events") {
		return nil, errors.New("it is a token of another kind, such as a logout token")
	}
	id, err := c.checkIDToken(token.Claims)
	if err != nil {
		return nil, err
	}
	id.alg, _ = token.Header.Text("alg")
	if err := c.verifySignature(ctx, raw, false); err != nil {
		return id, err
	}
	c.sawIssued(id.Issued)
	return id, nil
}

func (c *Client) checkIDToken(claims jwt.Object) (*IDToken, error) {
	if err := c.checkIssuer(claims); err != nil {
		return nil, err
	}
	if err := c.checkAudience(claims); err != nil {
		return nil, err
	}
	if err := c.checkValidity(claims); err != nil {
		return nil, err
	}
	return readIdentity(claims)
}

// readIdentity reads whom a token is about.
func readIdentity(claims jwt.Object) (*IDToken, error) {
	id := &IDToken{claims: claims}
	id.Subject, _ = claims.Text("sub")
	if !PlausibleName(id.Subject) {
		return nil, errors.New("its sub is missing, longer than 255 characters, or has control characters")
	}
	if sid, _ := claims.Text("sid"); PlausibleName(sid) {
		id.SID = sid
	}
	id.Issued, _ = claims.Time("iat")
	id.AuthTime, _ = claims.Time("auth_time")
	return id, nil
}

// PlausibleName bounds what a provider may call a user or a session. A sub has at
// most 255 ASCII characters (OpenID Connect Core 1.0 §2). Some providers use
// letters beyond ASCII, which do no harm; control characters do, in logs.
func PlausibleName(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= 255 && !strings.ContainsFunc(name, control)
}

func control(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

// TenantPlaceholder stands in the issuer of a provider that serves many tenants,
// each of which issues tokens under its own: the tid claim is put in its place, as
// Microsoft Entra documents it.
const TenantPlaceholder = "{tenantid}"

func (c *Client) checkIssuer(claims jwt.Object) error {
	iss, _ := claims.Text("iss")
	want := c.c.Issuer
	if strings.Contains(want, TenantPlaceholder) {
		tenant, _ := claims.Text("tid")
		if !isTenant(tenant) {
			return errors.New("its tid is no tenant ID")
		}
		want = strings.ReplaceAll(want, TenantPlaceholder, tenant)
	}
	if iss != want {
		return errors.New("it comes from another issuer than Config.Issuer")
	}
	return nil
}

func isTenant(id string) bool {
	return id != "" && strings.Trim(strings.ToLower(id), "0123456789abcdef-") == ""
}

// checkAudience checks aud and azp (§3.1.3.7, steps 3 to 5).
func (c *Client) checkAudience(claims jwt.Object) error {
	audience, _ := claims.Texts("aud")
	if !slices.Contains(audience, c.c.ClientID) {
		return errors.New("it is for another client")
	}
	others := slices.ContainsFunc(audience, func(aud string) bool { return aud != c.c.ClientID })
	azp, _ := claims.Text("azp")
	if azp != c.c.ClientID && (others || !claims.Null("azp")) {
		return errors.New("its azp is not this client")
	}
	return nil
}

// checkValidity checks exp and nbf.
func (c *Client) checkValidity(claims jwt.Object) error {
	now := c.c.Now()
	expires, ok := claims.Time("exp")
	switch {
	case !ok:
		return errors.New("it has no exp")
	case !expires.After(now.Add(-c.c.Leeway)):
		return fmt.Errorf("it expired %v ago%s", now.Sub(expires).Round(time.Second), c.clocksDiffer())
	}
	if begins, ok := claims.Time("nbf"); ok && begins.After(now.Add(c.c.Leeway)) {
		return fmt.Errorf("it is valid only in %v%s", begins.Sub(now).Round(time.Second), c.clocksDiffer())
	}
	return nil
}

// checkNonce checks that the token is of this login. The nonce is empty if the
// login sent none.
func (t *IDToken) checkNonce(nonce string) error {
	got, _ := t.claims.Text("nonce")
	if subtle.ConstantTimeCompare([]byte(got), []byte(nonce)) != 1 {
		return errors.New("passport: the ID token's nonce is not the one of this login")
	}
	return nil
}

// checkAccessToken checks at_hash, if there is one (§3.1.3.6).
func (t *IDToken) checkAccessToken(token string) error {
	want, ok := t.claims.Text("at_hash")
	if !ok || token == "" {
		return nil
	}
	hash := crypto.SHA512 // of EdDSA on Curve 25519, too
	switch {
	case strings.HasSuffix(t.alg, "256"):
		hash = crypto.SHA256
	case strings.HasSuffix(t.alg, "384"):
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write([]byte(token))
	half := h.Sum(nil)[:hash.Size()/2]
	if base64.RawURLEncoding.EncodeToString(half) != strings.TrimRight(want, "=") {
		return errors.New("passport: the ID token's at_hash does not match the access token")
	}
	return nil
}
