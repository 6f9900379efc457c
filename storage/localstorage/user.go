package localstorage

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// User is the session that is shared with the JavaScript SDK.
//
// It contains unencrypted tokens. Printing or logging it shows none of them.
type User struct {
	// Subject and SID are the claims sub and sid of the profile; SID may be
	// empty. The Store sets them.
	Subject, SID string

	// The tokens as the provider gave them. Each may be empty in what the
	// JavaScript SDK has stored.
	IDToken, AccessToken, RefreshToken string

	// TokenType and Scope are those of RFC 6749 §5.1, or empty.
	TokenType, Scope string

	// TokenExpiry is when the access token expires, in whole seconds. Zero if the
	// provider did not say.
	TokenExpiry time.Time

	// Revision is 0 for a session that is not stored yet, and grows with each
	// change, by whomever. It does not begin at 1: no two sessions in one place
	// have a Revision in common.
	Revision uint64

	// Expiry is when the session ends, kept to the millisecond. For one that the
	// JavaScript SDK has begun it is Options.Lifetime after it was first seen.
	Expiry time.Time

	// Extra is for the caller. It stays when the JavaScript SDK refreshes the
	// tokens, and is nil for a session that the JavaScript SDK has begun.
	Extra []byte
}

const redacted = "localstorage.User[redacted]"

// String returns a placeholder.
func (User) String() string { return redacted }

// Format prints a placeholder for every verb, %#v and %x included.
func (User) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (User) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, for JSON and other encodings.
func (User) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (u User) sameTokens(v User) bool {
	return u.IDToken == v.IDToken && u.AccessToken == v.AccessToken && u.RefreshToken == v.RefreshToken &&
		u.TokenType == v.TokenType && u.Scope == v.Scope && u.TokenExpiry.Unix() == v.TokenExpiry.Unix()
}
