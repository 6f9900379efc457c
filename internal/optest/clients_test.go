package optest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// clients are the ways in which a client may be registered at oidc-provider, which
// takes no other than the registered one.
var clients = map[string]func(*testing.T, start){
	"a client with a key":             keyedClient,
	"a client that posts its secret":  postingClient,
	"a pushed request":                pushedRequest,
	"no scopes but those on offer":    offeredScopes,
	"claims of the UserInfo endpoint": userInfo,
}

// works goes through a login, a refresh and a revocation.
func works(t *testing.T, s *site) {
	t.Helper()
	b := signedIn(t, s.one.url, "alice")
	s.one.ahead.Store(int64(nearEnd))
	require.Equal(t, "ok", b.open(s.one.url+"/token").body)
	assert.Equal(t, 1, s.one.wire.refreshes())
	b.leave("POST", s.one.url+"/logout")
	s.one.await("revocation.done")
}

func keyedClient(t *testing.T, start start) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}
	works(t, newSite(t, start, setup{
		config: func(c *passport.Config) { c.ClientKey, c.ClientKeyID = key, "k1" },
		registration: map[string]any{
			"token_endpoint_auth_method": "private_key_jwt",
			"jwks":                       jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}},
		},
	}))
}

func postingClient(t *testing.T, start start) {
	works(t, newSite(t, start, setup{
		secret:       "s3cret: 100% + /=&?~",
		config:       func(c *passport.Config) { c.ClientAuth = passport.ClientSecretPost },
		registration: map[string]any{"token_endpoint_auth_method": "client_secret_post"},
	}))
}

// The provider takes no request that was not pushed (RFC 9126).
func pushedRequest(t *testing.T, start start) {
	s := newSite(t, start, setup{configuration: map[string]any{
		"features": map[string]any{"pushedAuthorizationRequests": map[string]any{
			"enabled": true, "requirePushedAuthorizationRequests": true,
		}},
	}})
	b := newBrowser(t, "alice")
	u, err := url.Parse(b.leave("GET", s.one.url+"/login"))
	require.NoError(t, err)
	assert.NotEmpty(t, u.Query().Get("request_uri"))
	assert.Empty(t, u.Query().Get("state"))
	works(t, s)
}

func offeredScopes(t *testing.T, start start) {
	s := newSite(t, start, setup{config: func(c *passport.Config) { c.Scopes = nil }})
	u, err := url.Parse(newBrowser(t, "alice").leave("GET", s.one.url+"/login"))
	require.NoError(t, err)
	assert.Equal(t, "openid email offline_access", u.Query().Get("scope"), "it offers no profile, and knows no transact")
	works(t, s)
}

// The provider keeps the address out of the ID token, as the specification has it
// for a login that gets an access token (OpenID Connect Core 1.0 §5.4).
func userInfo(t *testing.T, start start) {
	conform := map[string]any{"conformIdTokenClaims": true}
	s := newSite(t, start, setup{configuration: conform})
	assert.Equal(t, "alice ", newBrowser(t, "alice").signIn(s.one.url).body)
	s = newSite(t, start, setup{configuration: conform, config: func(c *passport.Config) { c.UserInfo = true }})
	assert.Equal(t, "alice alice@example.com", newBrowser(t, "alice").signIn(s.one.url).body)
}
