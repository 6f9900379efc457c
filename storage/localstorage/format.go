package localstorage

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/strictbase64"
)

// userJSON is the form in which oidc-client-ts 3.4 (User.toStorageString), on
// which the JavaScript SDK is built, keeps a user.
type userJSON struct {
	IDToken      string          `json:"id_token,omitempty"`
	SessionState *string         `json:"session_state"` // of OpenID Connect Session Management, which Passport does not have
	AccessToken  string          `json:"access_token"`
	RefreshToken string          `json:"refresh_token,omitempty"`
	TokenType    string          `json:"token_type"`
	Scope        string          `json:"scope,omitempty"`
	Profile      json.RawMessage `json:"profile"`
	ExpiresAt    float64         `json:"expires_at,omitempty"`
}

// claims are what is read of a profile, or of an ID token.
type claims struct {
	Subject  string  `json:"sub"`
	SID      string  `json:"sid"`
	IssuedAt float64 `json:"iat"`
}

// errDamaged and errIDToken come without the error that they stand for, which
// could quote a token.
var (
	errDamaged = errors.New("the stored user makes no sense")
	errIDToken = errors.New("User.IDToken is not a JWT with a sub")
)

// parseUser reads what the JavaScript SDK, or formatUser, has written.
func parseUser(item string) (User, error) {
	var j userJSON
	var profile claims
	if json.Unmarshal([]byte(item), &j) != nil || json.Unmarshal(j.Profile, &profile) != nil {
		return User{}, errDamaged
	}
	if profile.Subject == "" || j.AccessToken == "" && j.RefreshToken == "" {
		return User{}, errDamaged
	}
	if profile.SID == "" { // the JavaScript SDK leaves it out in some ways to log in
		_, c, _ := openIDToken(j.IDToken)
		profile.SID = c.SID
	}
	return User{
		Subject:      profile.Subject,
		SID:          profile.SID,
		IDToken:      j.IDToken,
		AccessToken:  j.AccessToken,
		RefreshToken: j.RefreshToken,
		TokenType:    j.TokenType,
		Scope:        j.Scope,
		TokenExpiry:  seconds(j.ExpiresAt),
	}, nil
}

// formatUser returns u in the JavaScript SDK's form, and what is read from that
// again: u with the Subject and SID of its ID token.
func formatUser(u User) (string, User, error) {
	profile, c, err := openIDToken(u.IDToken)
	if err != nil {
		return "", User{}, err
	}
	u.Subject, u.SID = c.Subject, c.SID
	j := userJSON{
		IDToken:      u.IDToken,
		AccessToken:  u.AccessToken,
		RefreshToken: u.RefreshToken,
		TokenType:    u.TokenType,
		Scope:        u.Scope,
		Profile:      profile,
	}
	if !u.TokenExpiry.IsZero() {
		j.ExpiresAt = float64(u.TokenExpiry.Unix())
	}
	item, err := json.Marshal(j)
	return string(item), u, err
}

// protocolClaims are about the ID token, and not about the user. oidc-client-ts
// does not take them into a profile.
var protocolClaims = []string{"nbf", "jti", "auth_time", "nonce", "acr", "amr", "azp", "at_hash"}

// openIDToken returns the profile and the claims in an ID token, whose signature
// somebody else has checked.
func openIDToken(token string) (profile json.RawMessage, c claims, err error) {
	_, rest, _ := strings.Cut(token, ".")
	encoded, _, _ := strings.Cut(rest, ".")
	payload, err := strictbase64.RawURL(strings.TrimRight(encoded, "="))
	if err != nil || json.Unmarshal(payload, &c) != nil || c.Subject == "" {
		return nil, claims{}, errIDToken
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil {
		return nil, claims{}, errIDToken
	}
	for _, name := range protocolClaims {
		delete(all, name)
	}
	profile, err = json.Marshal(all)
	return bytes.TrimSpace(profile), c, err
}

// seconds is a time of JavaScript's, whose numbers are floating.
func seconds(unix float64) time.Time {
	if unix <= 0 || unix > math.MaxInt32*1000 {
		return time.Time{}
	}
	return time.Unix(int64(unix), 0).UTC()
}
