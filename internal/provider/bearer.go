package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/jwt"
)

// MaxBearerToken bounds what is parsed at all.
const MaxBearerToken = 16 << 10

// BearerToken is a verified token that was sent to an API.
type BearerToken struct {
	Access       bool // an access token; otherwise an ID token
	Subject, SID string
	Issued       time.Time
	Expiry       time.Time
	Scopes       []string
	Payload      []byte // the JSON of its claims
}

// VerifyBearerToken verifies an ID token of this client (OpenID Connect Core 1.0
// §3.1.3.7), or an access token for Config.Audience that was issued to this client
// (RFC 9068 §4). An access token without typ at+jwt, as most providers issue them, is
// told from an ID token by its audience.
//
// Tokens come from anybody, so the claims, which cost nothing to read, are checked
// before the signature, and the keys are fetched within the budget for strangers.
func (c *Client) VerifyBearerToken(ctx context.Context, raw string) (BearerToken, error) {
	t, err := c.checkBearer(raw)
	if err != nil {
		return BearerToken{}, err
	}
	if err := c.verifyStrangersSignature(ctx, raw); err != nil {
		return BearerToken{}, err
	}
	c.sawIssued(t.Issued)
	return t, nil
}

func (c *Client) checkBearer(raw string) (BearerToken, error) {
	if len(raw) > MaxBearerToken {
		return BearerToken{}, errors.New("it is too long")
	}
	token, err := jwt.Parse(raw)
	if err != nil {
		return BearerToken{}, err
	}
	t := BearerToken{Payload: token.Payload}
	if t.Access, err = c.isAccessToken(token); err != nil {
		return BearerToken{}, err
	}
	id, err := c.checkBearerClaims(token.Claims, t.Access)
	if err != nil {
		return BearerToken{}, err
	}
	t.Subject, t.SID, t.Issued = id.Subject, id.SID, id.Issued
	t.Expiry, _ = token.Claims.Time("exp")
	if t.Access {
		t.Scopes = scopesOf(token.Claims)
	}
	return t, c.checkIssued(t.Issued)
}

// scopesOf reads scope (RFC 9068 §2.2.3) or, as some providers call it, scp. Some send an
// array.
func scopesOf(claims jwt.Object) []string {
	for _, name := range []string{"scope", "scp"} {
		if scopes, ok := claims.Texts(name); ok {
			return strings.Fields(strings.Join(scopes, " "))
		}
	}
	return nil
}

// isAccessToken tells the kinds apart. What is for the client itself is an ID token,
// unless its typ says otherwise; what is neither, or a logout token, is refused.
func (c *Client) isAccessToken(token *jwt.Token) (bool, error) {
	typ, ok := token.Type()
	if !ok || !slices.Contains([]string{"", "jwt", "at+jwt"}, typ) || token.Claims.Has("events") {
		return false, errors.New("it is neither an ID token nor an access token")
	}
	if typ == "at+jwt" {
		return true, nil
	}
	audience, _ := token.Claims.Texts("aud")
	return !slices.Contains(audience, c.c.ClientID), nil
}

func (c *Client) checkBearerClaims(claims jwt.Object, access bool) (*IDToken, error) {
	if !access {
		return c.checkIDToken(claims)
	}
	if err := c.checkIssuer(claims); err != nil {
		return nil, err
	}
	if err := c.checkAccessAudience(claims); err != nil {
		return nil, err
	}
	if err := c.checkValidity(claims); err != nil {
		return nil, err
	}
	return readIdentity(claims)
}

// checkAccessAudience checks whom an access token is for, and to whom it was issued:
// an API such as platform_api is the audience of every client's tokens, and another
// client must not use those of its users here.
func (c *Client) checkAccessAudience(claims jwt.Object) error {
	audience, _ := claims.Texts("aud")
	if c.c.Audience == "" || !slices.Contains(audience, c.c.Audience) {
		return errors.New("it is for another API")
	}
	if claims.Has("nonce") || claims.Has("at_hash") {
		return errors.New("it is an ID token for another client")
	}
	named := false
	for _, claim := range []string{"client_id", "azp"} { // RFC 9068 §2.2; Auth0 and others
		if claims.Null(claim) {
			continue
		}
		named = true
		if client, _ := claims.Text(claim); client != c.c.ClientID {
			return errors.New("it was issued to another client")
		}
	}
	if !named {
		return errors.New("it does not say to which client it was issued")
	}
	return nil
}

// checkIssued wants an iat, by which a logout tells the tokens before it from those
// after it.
func (c *Client) checkIssued(issued time.Time) error {
	switch {
	case issued.Unix() <= 0:
		return errors.New("it has no iat")
	case issued.After(c.c.Now().Add(c.c.Leeway)):
		return fmt.Errorf("its iat is in the future%s", c.clocksDiffer())
	}
	return nil
}

// Clock is the latest that the provider's time may be, by its latest response and the
// tokens that were verified since: nothing that the provider has issued has a later iat. It
// is about a second ahead, for the Date of a response is exact to the second. It is the zero
// time before the first response.
func (c *Client) Clock() time.Time {
	if !c.compared.Load() {
		return time.Time{}
	}
	return c.c.Now().Add(time.Duration(c.mostSkew.Load() - 1)) // the end of a second belongs to the next
}

// Now is the provider's time, for the age of what it says, which it does not overstate: it
// may be a second or two behind. It differs from ours by no more than Config.Leeway, and not
// before the first response.
func (c *Client) Now() time.Time {
	skew := time.Duration(c.skew.Load()) // 0 if nothing is known
	return c.c.Now().Add(min(max(skew, -c.c.Leeway), c.c.Leeway))
}

// IssuedAt reads the iat of a token of this client's without verifying it. It is the
// zero time if the token does not say, or is no JWT.
func IssuedAt(raw string) time.Time {
	token, err := jwt.Parse(raw)
	if err != nil {
		return time.Time{}
	}
	issued, _ := token.Claims.Time("iat")
	return issued
}
