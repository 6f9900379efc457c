package optest

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// signedTokens are what only a provider shows whose keys are at hand.
var signedTokens = map[string]func(*testing.T, start){
	"logout tokens that break a rule":                          brokenLogoutTokens,
	"keys that change":                                         keysThatChange,
	"a logout at the provider leaves the refresh token alive":  keptByDefault,
	"a logout at the provider kills it where the app wants so": revokedByPolicy,
}

// A signature by the provider's own key does not make a logout token of what is
// none.
func brokenLogoutTokens(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	send := func(typ string, change map[string]any) int {
		claims := logoutClaims(s.provider.issuer)
		claims["sub"] = "alice"
		maps.Copy(claims, change)
		maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
		return b.post(s.one.url+"/back-channel", url.Values{"logout_token": {s.provider.sign(typ, claims)}}).status
	}
	now := time.Now()
	for name, change := range map[string]map[string]any{
		"another issuer":         {"iss": "https://provider.example.com"},
		"the issuer and a slash": {"iss": s.provider.issuer + "/"},
		"no issuer":              {"iss": nil},
		"another client":         {"aud": []string{"another"}},
		"no audience":            {"aud": nil},
		"a nonce":                {"nonce": "1"},
		"no jti":                 {"jti": nil},
		"no subject":             {"sub": nil},
		"no events":              {"events": nil},
		"another event":          {"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}},
		"an event that is null":  {"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": nil}},
		"no iat":                 {"iat": nil},
		"of ten minutes ago":     {"iat": now.Add(-10 * time.Minute).Unix()},
		"of the future":          {"iat": now.Add(10 * time.Minute).Unix()},
		"that has expired":       {"exp": now.Add(-time.Minute).Unix()},
		"that never expires":     {"exp": now.AddDate(10, 0, 0).Unix()},
	} {
		assert.Equal(t, http.StatusBadRequest, send("JWT", change), name)
	}
	assert.Equal(t, http.StatusBadRequest, send("at+jwt", nil), "an access token")
	assert.Equal(t, "alice alice@example.com", b.open(s.one.url+"/").body)

	assert.Equal(t, http.StatusOK, send("JWT", nil))
	assert.Equal(t, nobody, b.open(s.one.url+"/").body)
	assert.Equal(t, http.StatusOK, send("logout+jwt", map[string]any{"aud": clientID, "sub": "somebody else"}), "nobody to log out is no error")
}

// Whatever was begun offline goes on (Back-Channel Logout 1.0 §2.7).
func keptByDefault(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	token := s.one.wire.last().Refresh

	s.provider.signOut(b)

	require.Equal(t, nobody, b.open(s.one.url+"/").body)
	require.NoError(t, s.one.Close(t.Context()), "nothing is under way any more")
	status, answer := s.refresh(token)
	assert.Equal(t, http.StatusOK, status, answer)
}

func revokedByPolicy(t *testing.T, start start) {
	s := newSite(t, start, setup{config: func(c *passport.Config) { c.RevokeOnProviderLogout = true }})
	b := signedIn(t, s.one.url, "alice")
	token := s.one.wire.last().Refresh

	s.provider.signOut(b)

	s.one.await("revocation.done")
	status, answer := s.refresh(token)
	assert.Equal(t, http.StatusBadRequest, status, answer)
}

// Keys that the provider has come to use since the app was started are fetched;
// a flood of tokens by a key that nobody knows is not passed on to it.
func keysThatChange(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	keys := s.provider.keys
	alice := signedIn(t, s.one.url, "alice")
	keys.rotate()
	bob := signedIn(t, s.one.url, "bob")
	keys.rotate()
	s.provider.signOut(alice)
	assert.Equal(t, nobody, alice.open(s.one.url+"/").body)

	before := keys.asked()
	keys.withdraw()
	for range 50 {
		claims := logoutClaims(s.provider.issuer)
		claims["sub"] = "bob"
		junk := alice.post(s.one.url+"/back-channel", url.Values{"logout_token": {s.provider.sign("JWT", claims)}})
		assert.Equal(t, http.StatusBadRequest, junk.status)
	}
	assert.Less(t, keys.asked()-before, 10, "times that the keys were fetched")
	assert.Equal(t, "bob bob@example.com", bob.open(s.one.url+"/").body)
}
