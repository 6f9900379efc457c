package gametest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/browser"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// unreachable takes the auth domain away from a game, until back is called.
var unreachable = map[string]func(g game) (back func()){
	"there is no network": func(g game) func() {
		g.Offline(true)
		return func() { g.Offline(false) }
	},
	"connections are cut": func(g game) func() {
		return g.s.struck(passporttest.Fault{Cut: true})
	},
	"it answers 500": func(g game) func() {
		return g.s.struck(passporttest.Fault{Status: http.StatusInternalServerError})
	},
}

// struck has a fault strike all that a game asks for, until it is lifted.
func (s *site) struck(f passporttest.Fault) (lift func()) {
	var lifts []func()
	for _, path := range []string{"/authorize", "/v2/logout", "/oauth/token", "/oauth/revoke", "/.well-known/jwks.json"} {
		f.Path = path
		lifts = append(lifts, s.auth.Inject(f))
	}
	return func() {
		for _, lift := range lifts {
			lift()
		}
	}
}

// No fallback leaves a working game for a page that cannot be loaded.
func TestNoPageIsLeftForAnAuthDomainThatCannotBeReached(t *testing.T) {
	for name, take := range unreachable {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.config["SilentFallback"] = passport.FallbackRedirect
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			address := g.URL()
			back := take(g)
			defer back()
			got := g.logout()
			assert.Equal(t, "done", got.App)
			assert.Equal(t, "pending", got.Revocation)
			assert.Equal(t, "unconfirmed", got.Passport)
			assert.Contains(t, got.Error, browser.ErrOffline.Error())
			assert.Contains(t, browsertest.Eval[string](g.Tab, `game.login("/").then(() => "left", e => e.message)`), browser.ErrOffline.Error())
			assert.Equal(t, address, g.URL())
			assert.Equal(t, nobody, g.who())

			before := len(s.auth.Requests("/v2/logout"))
			back()
			g.Run(`dispatchEvent(new Event("online"))`)
			s.awaits("/v2/logout", before+1)
			s.revoked()
			g.signIn()
			assert.Equal(t, "login", s.prompts()[len(s.prompts())-1])
		})
	}
}

func TestRedirectLogoutStaysOnThePageWhileOffline(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	address := g.URL()
	g.Offline(true)
	got := g.logout()
	assert.Equal(t, "done", got.App)
	assert.Contains(t, got.Error, browser.ErrOffline.Error())
	assert.Equal(t, address, g.URL())
	assert.True(t, g.unfinished())
	g.Offline(false)
	s.revoked()
}

// A page with threads is cross-origin isolated, which keeps the auth domain out of
// its iframes.
func TestIsolatedPageGoesStraightToWhatWorks(t *testing.T) {
	for name, headers := range map[string]map[string]string{
		"COOP and COEP": {"Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Opener-Policy": "same-origin"},
		"COEP":          {"Cross-Origin-Embedder-Policy": "require-corp"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.headers = headers
			s.config["LogoutRedirectURI"] = s.origin + "/wasm-callback" // which hands on what came back
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			got := g.logout()
			assert.Equal(t, "done", got.App)
			assert.Equal(t, browser.ErrIsolated.Error(), got.Error)
			assert.NotEmpty(t, got.URL)

			s.config["SilentFallback"] = passport.FallbackRedirect
			g.home()
			g.signIn()
			g.leave()
			assert.Empty(t, s.auth.Sessions())
			assert.False(t, g.unfinished())
		})
	}
}
