package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/jwt"
)

const (
	// LogoutTokenWindow is how far from now the iat of a logout token may lie,
	// in the past and, for clocks that differ, in the future.
	LogoutTokenWindow = 5 * time.Minute

	// LogoutTokenLife is how far from its iat the exp may lie. Two minutes are
	// recommended (Back-Channel Logout 1.0 §2.4).
	LogoutTokenLife = time.Hour

	// MaxLogoutToken bounds what is parsed at all.
	MaxLogoutToken = 16 << 10

	backChannelEvent = "http://schemas.openid.net/event/backchannel-logout"
)

// LogoutToken is what a verified logout token says.
type LogoutToken struct {
	ID       string // its jti
	Subject  string // may be empty if SID is not
	SID      string // may be empty if Subject is not
	IssuedAt time.Time
}

// VerifyLogoutToken verifies a logout token (OpenID Connect Back-Channel Logout
// 1.0 §2.6). ErrKeys: nothing is known of its signature.
//
// Tokens come from anybody, so the claims, which cost nothing to read, are
// checked first.
func (c *Client) VerifyLogoutToken(ctx context.Context, raw string) (LogoutToken, error) {
	t, err := c.verifyLogoutToken(ctx, raw)
	switch {
	case errors.Is(err, ErrKeys):
		return LogoutToken{}, fmt.Errorf("passport: the logout token cannot be verified: %w", err)
	case err != nil:
		return LogoutToken{}, fmt.Errorf("passport: the logout token is not valid: %w", err)
	}
	return t, nil
}

func (c *Client) verifyLogoutToken(ctx context.Context, raw string) (LogoutToken, error) {
	if len(raw) > MaxLogoutToken {
		return LogoutToken{}, errors.New("it is too long")
	}
	token, err := jwt.Parse(raw)
	if err != nil {
		return LogoutToken{}, err
	}
	if err := c.checkLogoutType(token); err != nil {
		return LogoutToken{}, err
	}
	t, err := c.checkLogoutClaims(token.Claims)
	if err != nil {
		return LogoutToken{}, err
	}
	return t, c.verifyStrangersSignature(ctx, raw)
}

// checkLogoutType keeps other kinds of token from being taken for logout tokens.
// Auth0 says JWT; the specification recommends logout+jwt (§2.4).
func (c *Client) checkLogoutType(token *jwt.Token) error {
	typ, ok := token.Type()
	if ok && (typ == "logout+jwt" || !c.c.StrictLogoutTokens && (typ == "jwt" || typ == "")) {
		return nil
	}
	return errors.New("its typ is not logout+jwt")
}

func (c *Client) checkLogoutClaims(claims jwt.Object) (LogoutToken, error) {
	if err := c.checkIssuer(claims); err != nil {
		return LogoutToken{}, err
	}
	var t LogoutToken
	for _, claim := range [...]struct {
		name     string
		to       *string
		required bool
	}{{"jti", &t.ID, true}, {"sub", &t.Subject, false}, {"sid", &t.SID, false}} {
		if claims.Null(claim.name) && !claim.required {
			continue
		}
		var ok bool
		if *claim.to, ok = claims.Text(claim.name); !ok || claim.required && *claim.to == "" {
			return LogoutToken{}, fmt.Errorf("its %s is missing, or no string", claim.name)
		}
		if *claim.to != "" && !PlausibleName(*claim.to) {
			return LogoutToken{}, fmt.Errorf("its %s is longer than 255 characters, or has control characters", claim.name)
		}
	}
	audience, _ := claims.Texts("aud")
	switch {
	case !slices.Contains(audience, c.c.ClientID):
		return LogoutToken{}, errors.New("it is for another client")
	case t.Subject == "" && t.SID == "":
		return LogoutToken{}, errors.New("it has neither a sub nor a sid")
	case claims.Has("nonce"):
		return LogoutToken{}, errors.New("it has a nonce, which makes it an ID token")
	case !hasLogoutEvent(claims):
		return LogoutToken{}, errors.New("its events has no back-channel logout")
	}
	t.IssuedAt, _ = claims.Time("iat")
	return t, c.checkLogoutTimes(t.IssuedAt, claims)
}

func (c *Client) checkLogoutTimes(issued time.Time, claims jwt.Object) error {
	now := c.c.Now()
	switch {
	case issued.IsZero():
		return errors.New("it has no iat")
	case issued.Before(now.Add(-LogoutTokenWindow)) || issued.After(now.Add(LogoutTokenWindow)):
		return fmt.Errorf("its iat is not within %v of now%s", LogoutTokenWindow, c.clocksDiffer())
	}
	if !claims.Has("exp") {
		if c.c.StrictLogoutTokens {
			return errors.New("it has no exp")
		}
		return nil // two of three providers leave it out; iat is near, so it cannot be old
	}
	expires, ok := claims.Time("exp")
	if !ok || !expires.After(now) || expires.After(issued.Add(LogoutTokenLife)) {
		return fmt.Errorf("it has expired, or its exp is too far from its iat%s", c.clocksDiffer())
	}
	return nil
}

// plainEvents is how nearly all providers write it.
const plainEvents = `{"` + backChannelEvent + `":{}}`

// hasLogoutEvent wants the member to be an object itself (§2.4).
func hasLogoutEvent(claims jwt.Object) bool {
	if string(claims["events"]) == plainEvents {
		return true
	}
	events, err := jwt.ParseObject(claims["events"])
	if err != nil {
		return false
	}
	_, err = jwt.ParseObject(events[backChannelEvent])
	return err == nil
}
