package passporttest

import (
	"slices"
	"time"
)

// TokenState is the state of a refresh token.
type TokenState int

const (
	// Unknown is a value that the auth domain never issued.
	Unknown TokenState = iota
	// Live is a token that can be used.
	Live
	// Rotated is a token that was used and replaced by another. Using it again is an
	// [Incident].
	Rotated
	// Revoked is a token that was revoked at /oauth/revoke.
	Revoked
	// Expired is a token that is older than [Options.RefreshTokenLifetime].
	Expired
	// Killed is a token that the auth domain has revoked because another token of
	// its family, or the code that it came from, was used twice.
	Killed
)

// String returns the name of the state in lower case.
func (s TokenState) String() string {
	names := [...]string{"unknown", "live", "rotated", "revoked", "expired", "killed"}
	if s < 0 || int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// RefreshToken is what the auth domain knows about a refresh token.
type RefreshToken struct {
	Value    string
	State    TokenState
	ClientID string
	Subject  string
	SID      string // of the Passport session in which it was issued
}

// Incident is the use of a token or code that was already used up. Theft looks like
// that to an auth domain, and so does an application that refreshes twice at once.
type Incident struct {
	// Kind is "refresh_token" or "authorization_code".
	Kind     string
	Time     time.Time
	ClientID string
	Subject  string
}

// RefreshTokens returns the refresh tokens in one of the states, or all that were ever
// issued if none is given, in the order of issue.
func (d *AuthDomain) RefreshTokens(states ...TokenState) []RefreshToken {
	return d.db.list(d.now(), states)
}

// RefreshToken returns what the auth domain knows about a refresh token. Its State is
// Unknown if it was never issued.
func (d *AuthDomain) RefreshToken(value string) RefreshToken {
	d.db.mu.Lock()
	defer d.db.mu.Unlock()
	t, ok := d.db.tokens[value]
	if !ok {
		return RefreshToken{Value: value}
	}
	return t.public(d.now())
}

// Incidents returns all incidents, in order.
func (d *AuthDomain) Incidents() []Incident {
	d.db.mu.Lock()
	defer d.db.mu.Unlock()
	return slices.Clone(d.db.incidents)
}

func (db *database) list(now time.Time, states []TokenState) []RefreshToken {
	db.mu.Lock()
	defer db.mu.Unlock()
	var found []RefreshToken
	for _, t := range db.issued {
		if p := t.public(now); len(states) == 0 || slices.Contains(states, p.State) {
			found = append(found, p)
		}
	}
	return found
}

func (t *refreshToken) public(now time.Time) RefreshToken {
	return RefreshToken{
		Value: t.value, State: t.stateAt(now), ClientID: t.clientID, Subject: t.user.Subject, SID: t.sid,
	}
}

func (t *refreshToken) stateAt(now time.Time) TokenState {
	if t.state == Live && expired(t.expires, now) {
		return Expired
	}
	return t.state
}
