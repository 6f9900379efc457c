package passporttest

import (
	"sync"
	"time"
)

// vault is what the auth domain must not forget: who is signed in, and what
// has been issued. One lock guards all of it, so that using up a code or
// rotating a token is one step.
type vault struct {
	mu        sync.Mutex
	sessions  []*liveSession // oldest first
	logins    int
	codes     map[string]*code
	tokens    map[string]*refreshToken
	issued    []*refreshToken // the same as tokens, in order of issue
	incidents []Incident
}

// grant is what a user has allowed a client: the ground for every token.
type grant struct {
	clientID string
	user     User
	sid      string
	authTime time.Time
	scope    string
	audience string
	nonce    string
}

// code is an authorization code and what its exchange must match.
type code struct {
	grant
	redirectURI string
	challenge   string // of PKCE; empty: none was sent
	expires     time.Time
	family      string // of the refresh tokens that were issued from it
	used        bool
}

// refreshToken is one member of a family: those that replaced one another
// since one login.
type refreshToken struct {
	grant
	value   string
	family  string
	expires time.Time
	state   TokenState
}

// TokenState says what has become of a refresh token.
type TokenState int

const (
	// Unknown is a value that the auth domain never issued.
	Unknown TokenState = iota
	// Live is a token that can be used.
	Live
	// Rotated is a token that was used, and replaced by another. Using it once
	// more is an [Incident].
	Rotated
	// Revoked is a token that was revoked at /oauth/revoke.
	Revoked
	// Expired is a token that has outlived [Options.RefreshTokenLifetime].
	Expired
	// Killed is a token that was revoked by the auth domain, because another
	// of its family, or the code that it came from, was used twice.
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

// RefreshToken is what the auth domain knows of a refresh token.
type RefreshToken struct {
	Value    string
	State    TokenState
	ClientID string
	Subject  string
	SID      string // of the Passport session in which it was issued
}

// Incident is the use of something that had been used up: what a thief and his
// victim look like from here, and also an application that refreshes twice at
// once.
type Incident struct {
	// Kind is "refresh_token" or "authorization_code".
	Kind     string
	Time     time.Time
	ClientID string
	Subject  string
}

// RefreshTokens returns the refresh tokens in one of the given states, or all
// that were ever issued if none is given, in the order of issue.
func (d *AuthDomain) RefreshTokens(states ...TokenState) []RefreshToken {
	return d.vault.list(d.now(), states)
}

// RefreshToken returns what there is to know about one refresh token. Its
// State is Unknown if it was never issued.
func (d *AuthDomain) RefreshToken(value string) RefreshToken {
	d.vault.mu.Lock()
	defer d.vault.mu.Unlock()
	t, ok := d.vault.tokens[value]
	if !ok {
		return RefreshToken{Value: value}
	}
	return t.public(d.now())
}

// Incidents returns what was used more than once, in order.
func (d *AuthDomain) Incidents() []Incident {
	d.vault.mu.Lock()
	defer d.vault.mu.Unlock()
	return append([]Incident(nil), d.vault.incidents...)
}

func (v *vault) list(now time.Time, states []TokenState) []RefreshToken {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []RefreshToken
	for _, t := range v.issued {
		if p := t.public(now); len(states) == 0 || containsState(states, p.State) {
			found = append(found, p)
		}
	}
	return found
}

func containsState(states []TokenState, s TokenState) bool {
	for _, state := range states {
		if state == s {
			return true
		}
	}
	return false
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

// What Auth0 says, whatever the reason.
var (
	errBadCode         = &oauthError{"invalid_grant", "Invalid authorization code"}
	errBadRefreshToken = &oauthError{"invalid_grant", "Unknown or invalid refresh token."}
)

func (v *vault) addCode(value string, c *code) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.codes == nil {
		v.codes = make(map[string]*code)
	}
	v.codes[value] = c
}

// redeem uses a code up and returns its grant and, if the scope asks for one,
// a refresh token. accept says whether this request may have the code; if not,
// it stays as it was, so that a stranger cannot spoil it.
func (v *vault) redeem(value string, now, tokenExpires time.Time, accept func(*code) *oauthError) (grant, string, *oauthError) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c, ok := v.codes[value]
	if !ok {
		return grant{}, "", errBadCode
	}
	if err := accept(c); err != nil {
		return grant{}, "", err
	}
	if c.used {
		v.reuse("authorization_code", c.grant, c.family, now)
		return grant{}, "", errBadCode
	}
	if expired(c.expires, now) {
		return grant{}, "", errBadCode
	}
	c.used = true
	v.joinSession(c.sid, c.clientID)
	if !hasScope(c.scope, "offline_access") {
		return c.grant, "", nil
	}
	c.family = randomID()
	return c.grant, v.add(c.grant, c.family, tokenExpires), nil
}

func (v *vault) add(g grant, family string, expires time.Time) string {
	t := &refreshToken{grant: g, value: "v1." + randomID(), family: family, expires: expires, state: Live}
	if v.tokens == nil {
		v.tokens = make(map[string]*refreshToken)
	}
	v.tokens[t.value] = t
	v.issued = append(v.issued, t)
	return t.value
}

// use takes a refresh token of the client and returns its grant and the token
// that replaces it: none if tokens do not rotate.
func (v *vault) use(value, clientID string, rotate bool, now time.Time) (grant, string, *oauthError) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t, ok := v.tokens[value]
	if !ok || t.clientID != clientID {
		return grant{}, "", errBadRefreshToken
	}
	if t.state == Rotated {
		v.reuse("refresh_token", t.grant, t.family, now)
		return grant{}, "", errBadRefreshToken
	}
	if t.stateAt(now) != Live {
		return grant{}, "", errBadRefreshToken
	}
	if !rotate {
		return t.grant, "", nil
	}
	t.state = Rotated
	return t.grant, v.add(t.grant, t.family, t.expires), nil
}

// reuse records an incident and kills what is alive of the family.
func (v *vault) reuse(kind string, g grant, family string, now time.Time) {
	v.incidents = append(v.incidents, Incident{Kind: kind, Time: now, ClientID: g.clientID, Subject: g.user.Subject})
	for _, t := range v.issued {
		if t.family == family && t.state == Live {
			t.state = Killed
		}
	}
}

// revoke ends a live token. Any other is left as it is, which RFC 7009 §2.2
// asks for and which shows up a client that revokes the wrong one.
func (v *vault) revoke(value, clientID string, now time.Time) *oauthError {
	v.mu.Lock()
	defer v.mu.Unlock()
	t, ok := v.tokens[value]
	if !ok {
		return nil
	}
	if t.clientID != clientID {
		return &oauthError{"invalid_grant", "The token was issued to another client."}
	}
	if t.stateAt(now) == Live {
		t.state = Revoked
	}
	return nil
}
