package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
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
// 1.0 §2.6): what go-oidc's VerifyLogout checks, and what it leaves out.
//
// Tokens come from anybody, so the claims, which cost nothing to read, are
// checked first.
func (c *Client) VerifyLogoutToken(ctx context.Context, raw string) (LogoutToken, error) {
	if len(raw) > MaxLogoutToken {
		return LogoutToken{}, errors.New("passport: the logout token is too long")
	}
	read, err := readLogoutToken(raw)
	if err != nil {
		return LogoutToken{}, err
	}
	if err := c.checkLogoutType(read.header); err != nil {
		return LogoutToken{}, err
	}
	t, err := c.checkLogoutClaims(read.claims)
	if err != nil {
		return LogoutToken{}, err
	}
	m, err := c.Metadata(ctx)
	if err != nil {
		return LogoutToken{}, err
	}
	if _, err := m.logoutTokens.VerifyLogout(context.WithValue(ctx, readKey{}, read), raw); err != nil {
		return LogoutToken{}, fmt.Errorf("passport: the logout token is not valid: %w", err)
	}
	return t, nil
}

// readToken is a token that was read and not yet verified. Members go by their
// exact names here; encoding/json would take "SUB" for "sub".
type readToken struct {
	payload        []byte
	header, claims map[string]json.RawMessage
}

type readKey struct{}

var errNotAJWT = errors.New("passport: the logout token is not a JWT with one signature")

func readLogoutToken(raw string) (*readToken, error) {
	parts := strings.SplitN(raw, ".", 4)
	if len(parts) != 3 || strings.ContainsAny(raw, "\r\n") { // which package base64 overlooks
		return nil, errNotAJWT
	}
	header, headerErr := base64.RawURLEncoding.DecodeString(parts[0])
	payload, payloadErr := base64.RawURLEncoding.DecodeString(parts[1])
	_, signatureErr := base64.RawURLEncoding.DecodeString(parts[2]) // as a check
	if headerErr != nil || payloadErr != nil || signatureErr != nil {
		return nil, errNotAJWT
	}
	read := &readToken{payload: payload}
	if json.Unmarshal(header, &read.header) != nil {
		return nil, errNotAJWT
	}
	if json.Unmarshal(payload, &read.claims) != nil {
		return nil, errors.New("passport: the logout token's claims are not an object")
	}
	return read, nil
}

// textOf returns a JSON string. Nearly all of them say what they are as they
// stand.
func textOf(raw json.RawMessage) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1]), true
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// checkType keeps other kinds of token from being taken for logout tokens. Auth0
// says JWT; the specification recommends logout+jwt (§2.4).
func (c *Client) checkLogoutType(header map[string]json.RawMessage) error {
	given, present := header["typ"]
	typ, isString := textOf(given)
	if present && !isString {
		return errors.New("passport: the logout token's typ is not a string")
	}
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	if typ == "logout+jwt" || !c.c.StrictLogoutTokens && (typ == "jwt" || typ == "") {
		return nil
	}
	return errors.New("passport: the logout token's typ is not logout+jwt")
}

func (c *Client) checkLogoutClaims(claims map[string]json.RawMessage) (LogoutToken, error) {
	var t LogoutToken
	var iss string
	for _, claim := range [...]struct {
		name string
		to   *string
	}{{"iss", &iss}, {"jti", &t.ID}, {"sub", &t.Subject}, {"sid", &t.SID}} {
		raw, given := claims[claim.name]
		if !given || string(raw) == "null" {
			continue
		}
		var ok bool
		if *claim.to, ok = textOf(raw); !ok {
			return LogoutToken{}, fmt.Errorf("passport: the logout token's %s is not a string", claim.name)
		}
	}
	_, nonce := claims["nonce"]
	switch {
	case iss != c.c.Issuer:
		return LogoutToken{}, errors.New("passport: the logout token comes from another issuer")
	case !hasAudience(claims["aud"], c.c.ClientID):
		return LogoutToken{}, errors.New("passport: the logout token is for another client")
	case t.ID == "":
		return LogoutToken{}, errors.New("passport: the logout token has no jti")
	case t.Subject == "" && t.SID == "":
		return LogoutToken{}, errors.New("passport: the logout token has neither a sub nor a sid")
	case nonce:
		return LogoutToken{}, errors.New("passport: the logout token has a nonce, which makes it an ID token")
	case !hasLogoutEvent(claims["events"]):
		return LogoutToken{}, errors.New("passport: the logout token's events has no back-channel logout")
	}
	t.IssuedAt, _ = numericDate(claims["iat"])
	return t, c.checkLogoutTimes(t.IssuedAt, claims)
}

func (c *Client) checkLogoutTimes(issued time.Time, claims map[string]json.RawMessage) error {
	now := c.c.Now()
	if issued.Before(now.Add(-LogoutTokenWindow)) || issued.After(now.Add(LogoutTokenWindow)) {
		return errors.New("passport: the logout token's iat is missing or not of the present")
	}
	raw, given := claims["exp"]
	if !given {
		if c.c.StrictLogoutTokens {
			return errors.New("passport: the logout token has no exp")
		}
		return nil // two of three providers leave it out; iat is near, so it cannot be old
	}
	expires, ok := numericDate(raw)
	if !ok || !expires.After(now) || expires.After(issued.Add(LogoutTokenLife)) {
		return errors.New("passport: the logout token has expired, or its exp is too far from its iat")
	}
	return nil
}

func numericDate(raw json.RawMessage) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(string(raw), 64) // a value of JSON, so no infinity by name
	if err != nil || math.Abs(seconds) > 1e11 || seconds == 0 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// hasAudience takes a string and an array (RFC 7519 §4.1.3).
func hasAudience(raw json.RawMessage, clientID string) bool {
	if one, ok := textOf(raw); ok {
		return one == clientID
	}
	var many []string
	return json.Unmarshal(raw, &many) == nil && slices.Contains(many, clientID)
}

// plainEvents is how nearly all providers write it.
const plainEvents = `{"` + backChannelEvent + `":{}}`

// hasLogoutEvent wants the member to be an object itself (§2.4).
func hasLogoutEvent(raw json.RawMessage) bool {
	if string(raw) == plainEvents {
		return true
	}
	var events map[string]json.RawMessage
	if json.Unmarshal(raw, &events) != nil {
		return false
	}
	var event map[string]json.RawMessage
	return json.Unmarshal(events[backChannelEvent], &event) == nil && event != nil
}

// asRead verifies the signature of a token that was read before: that what was
// read is what was signed. It gives a token without exp one, for go-oidc insists
// on it, and its iat has been looked at.
type asRead struct{ oidc.KeySet }

func (k asRead) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	read, ok := ctx.Value(readKey{}).(*readToken)
	if !ok || !bytes.Equal(read.payload, payload) {
		return nil, errors.New("what was signed is not what was read")
	}
	if _, given := read.claims["exp"]; given {
		return payload, nil
	}
	issued, _ := numericDate(read.claims["iat"])
	claims := maps.Clone(read.claims)
	claims["exp"] = json.RawMessage(fmt.Sprint(issued.Add(2 * LogoutTokenWindow).Unix()))
	return json.Marshal(claims)
}
