package gametest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// A provider answers a preflight with a short list of headers, if at all. What
// the game sends from sign-in to logout needs none.
func TestALifeInTheBrowserNeedsNoPreflight(t *testing.T) {
	s := newSite(t, "auth.localhost")
	stale := s.shortLived()
	g := s.signedIn(browsertest.Open(t, browsertest.Allowed))
	stale()
	require.NotEmpty(t, browsertest.Eval[string](g.Tab, `game.accessToken()`), "refreshed")
	require.Equal(t, "done", g.logout().App)
	s.revoked()
	assert.Len(t, s.auth.Requests("/oauth/token"), 2)
	for _, p := range s.auth.Preflights() {
		assert.Equal(t, "/userinfo", p.Path, "only a bearer token needs one")
		assert.Empty(t, p.Refused)
	}
}

// Only an origin that the client has registered may read what the provider says.
func TestSignInNeedsARegisteredOrigin(t *testing.T) {
	for name, registered := range map[string]bool{"registered": true, "not registered": false} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			client := passporttest.Client{ID: passporttest.ClientID, RedirectURIs: []string{s.origin + "/redirect"}}
			if !registered { // the page that asks is of another origin than the one that comes back
				client.RedirectURIs = []string{"https://app.example/redirect"}
			}
			strict := passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: "auth.localhost", Clients: []passporttest.Client{client}})
			t.Cleanup(strict.Close)
			s.auth, s.config["AuthDomain"] = strict, strict.URL
			g := s.open(browsertest.Open(t, browsertest.Blocked))
			keys := strict.URL + "/.well-known/jwks.json"
			read := browsertest.Eval[bool](g.Tab, `fetch("`+keys+`").then(() => true, () => false)`)
			assert.Equal(t, registered, read)
			if registered {
				g.signIn()
			}
		})
	}
}
