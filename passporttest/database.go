package passporttest

import (
	"sync"
	"time"
)

// database is what the auth domain stores: who is signed in, and what it has issued.
// One lock guards all of it, so that redeeming a code or rotating a token is atomic.
type database struct {
	mu        sync.Mutex
	sessions  []*liveSession // oldest first
	logins    int
	codes     map[string]*code
	devices   map[string]*deviceCode
	pushed    map[string]pushedRequest
	tokens    map[string]*refreshToken
	issued    []*refreshToken // the same as tokens, in order of issue
	incidents []Incident
}

// grant is what a user has allowed a client; every token is issued for one.
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

// refreshToken is one member of a family: the refresh tokens that have replaced one
// another since a login.
type refreshToken struct {
	grant
	value   string
	family  string
	expires time.Time
	state   TokenState
}

// Auth0's errors, which do not tell the reason.
var (
	errBadCode         = &oauthError{"invalid_grant", "Invalid authorization code"}
	errBadRefreshToken = &oauthError{"invalid_grant", "Unknown or invalid refresh token."}
)

func (db *database) addCode(value string, c *code) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.codes == nil {
		db.codes = make(map[string]*code)
	}
	db.codes[value] = c
}

// redeem uses up a code and returns its grant and, if the scope asks for one, a refresh
// token. accept says whether this request may use the code; if not, the code stays
// valid, so that an attacker cannot spoil it.
func (db *database) redeem(value string, now, tokenExpires time.Time, accept func(*code) *oauthError) (grant, string, *oauthError) {
	db.mu.Lock()
	defer db.mu.Unlock()
	c, ok := db.codes[value]
	if !ok {
		return grant{}, "", errBadCode
	}
	if err := accept(c); err != nil {
		return grant{}, "", err
	}
	if c.used {
		db.reuse("authorization_code", c.grant, c.family, now)
		return grant{}, "", errBadCode
	}
	if expired(c.expires, now) {
		return grant{}, "", errBadCode
	}
	c.used = true
	db.joinSession(c.sid, c.clientID)
	if !hasScope(c.scope, "offline_access") {
		return c.grant, "", nil
	}
	c.family = randomID()
	return c.grant, db.add(c.grant, c.family, tokenExpires), nil
}

// add makes a refresh token. The caller holds the lock.
func (db *database) add(g grant, family string, expires time.Time) string {
	t := &refreshToken{grant: g, value: "v1." + randomID(), family: family, expires: expires, state: Live}
	if db.tokens == nil {
		db.tokens = make(map[string]*refreshToken)
	}
	db.tokens[t.value] = t
	db.issued = append(db.issued, t)
	return t.value
}

// use returns the grant of a client's refresh token, which stays valid.
func (db *database) use(value, clientID string, now time.Time) (grant, *oauthError) {
	db.mu.Lock()
	defer db.mu.Unlock()
	t, err := db.usable(value, clientID, now)
	if err != nil {
		return grant{}, err
	}
	return t.grant, nil
}

// rotate uses up a client's refresh token and returns its grant and the token that
// replaces it.
func (db *database) rotate(value, clientID string, now time.Time) (grant, string, *oauthError) {
	db.mu.Lock()
	defer db.mu.Unlock()
	t, err := db.usable(value, clientID, now)
	if err != nil {
		return grant{}, "", err
	}
	t.state = Rotated
	return t.grant, db.add(t.grant, t.family, t.expires), nil
}

// usable returns a live token. A token that was used up is an incident. The caller
// holds the lock.
func (db *database) usable(value, clientID string, now time.Time) (*refreshToken, *oauthError) {
	t, ok := db.tokens[value]
	if !ok || t.clientID != clientID {
		return nil, errBadRefreshToken
	}
	if t.state == Rotated {
		db.reuse("refresh_token", t.grant, t.family, now)
	}
	if t.stateAt(now) != Live {
		return nil, errBadRefreshToken
	}
	return t, nil
}

// reuse records an incident and revokes the live tokens of the family. The caller holds
// the lock.
func (db *database) reuse(kind string, g grant, family string, now time.Time) {
	db.incidents = append(db.incidents, Incident{Kind: kind, Time: now, ClientID: g.clientID, Subject: g.user.Subject})
	for _, t := range db.issued {
		if t.family == family && t.state == Live {
			t.state = Killed
		}
	}
}

// revoke ends a live token, and ignores any other, as RFC 7009 §2.2 requires. So a
// test can see that a client revokes the wrong one.
func (db *database) revoke(value, clientID string, now time.Time) *oauthError {
	db.mu.Lock()
	defer db.mu.Unlock()
	t, ok := db.tokens[value]
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
