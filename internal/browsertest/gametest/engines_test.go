package gametest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/browser"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

func TestEnginesSignOutByRedirect(t *testing.T) {
	browsertest.InEngines(t, func(t *testing.T, e browsertest.Engine) {
		want := e.Expect(t, browsertest.GameRedirect)
		s := newTLSSite(t, "auth.localhost").redirects()
		g := s.signedIn(e.OpenLight(t))
		g.leave()
		assert.Equal(t, nobody, g.who())
		assert.Empty(t, g.stored())
		assert.Equal(t, want.Ended, len(s.auth.Sessions()) == 0)
		s.revoked()
		assert.Equal(t, want.Passport == "unconfirmed", g.unfinished())
		g.signIn()
	})
}

func TestEnginesSignOutSilently(t *testing.T) {
	for scenario, auth := range map[string]string{
		browsertest.GameSilentSameHost: appHost,
		browsertest.GameSilentForeign:  "auth.localhost",
	} {
		t.Run(scenario, func(t *testing.T) {
			browsertest.InEngines(t, func(t *testing.T, e browsertest.Engine) {
				want := e.Expect(t, scenario)
				s := newTLSSite(t, auth)
				s.config["RevocationWait"] = patience
				g := s.signedIn(e.OpenLight(t))
				address := g.URL()
				got := g.logout()
				assert.Equal(t, account{Mode: "silent", URL: got.URL, App: "done", Revocation: "done", Passport: want.Passport}, got)
				assert.Equal(t, address, g.URL())
				assert.Equal(t, nobody, g.who())
				assert.Empty(t, g.stored())
				assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
				assert.Equal(t, want.Ended, len(s.auth.Sessions()) == 0)
				assert.Equal(t, want.Passport == "unconfirmed", g.unfinished())
			})
		})
	}
}

func enginesTellTheOtherTabs(t *testing.T) {
	browsertest.InEngines(t, func(t *testing.T, e browsertest.Engine) {
		s := newTLSSite(t, "auth.localhost")
		profile := e.OpenLight(t)
		g := s.signedIn(profile)
		other := s.open(profile)
		other.Run(`window.ended = game.ended()`)
		g.Run(`window.ended = game.ended()`)
		for _, tab := range []game{other, g} { // which has the session by then
			require.Equal(t, "alice@example.com", tab.who())
		}
		begun := time.Now()
		require.Equal(t, "done", g.logout().App)
		assert.True(t, browsertest.Eval[bool](other.Tab, `ended`))
		assert.True(t, browsertest.Eval[bool](g.Tab, `ended`))
		assert.Less(t, time.Since(begun), 10*time.Second, "they are told; to look again takes 15 s")
		assert.Equal(t, nobody, other.who())
	})
}

// At top level a popup leaves the page alone. In a frame, where each engine has its say
// about popups, the next test signs in by one.
func TestEnginesSignInByAPopup(t *testing.T) {
	browsertest.InOneEngine(t, func(t *testing.T, e browsertest.Engine) {
		s := newTLSSite(t, "auth.localhost")
		g := s.open(e.OpenLight(t))
		g.Run(`window.stays = true`)
		g.Gesture(`void (window.popup = game.loginPopup().catch(e => e.message))`)
		assert.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](g.Tab, `popup`))
		assert.True(t, browsertest.Eval[bool](g.Tab, `stays`))
		assert.Equal(t, "alice@example.com", g.who())
	})
}

// In the frame of another site, where storage and cookies are that site's share.
func TestEnginesSignInAndOutOfAnEmbeddedGame(t *testing.T) {
	browsertest.InEngines(t, func(t *testing.T, e browsertest.Engine) {
		s := newTLSSite(t, "auth.localhost")
		p := s.embed(e.OpenLight(t))
		s.embedders = []string{s.portalOrigin}
		assert.Equal(t, browser.ErrEmbedded.Error(), inside[string](p, `game.login("/").then(() => "left", e => e.message)`))
		for _, out := range []struct{ scenario, call string }{
			{browsertest.EmbeddedPopup, `game.logoutPopup()`},
			{browsertest.EmbeddedSilent, `game.logout()`}, // leaves the next login in doubt
		} {
			want := e.Expect(t, out.scenario)
			p.click(`window.popup = game.loginPopup().catch(e => e.message)`)
			require.Equal(t, passporttest.DefaultUser().Subject, inside[string](p, `popup`))
			require.Equal(t, "alice@example.com", inside[string](p, `game.email()`))
			p.Screenshot("embedded-signed-in-" + string(e))
			p.click(`window.popup = ` + out.call)
			got := inside[account](p, `popup`)
			assert.Equal(t, "done", got.App)
			assert.Equal(t, want.Passport, got.Passport)
			assert.Empty(t, got.Error)
			assert.Equal(t, want.Ended, len(s.auth.Sessions()) == 0, "after %s", out.call)
			assert.Equal(t, nobody, inside[string](p, `game.email().catch(e => e.message)`), "the game goes on")
		}
	})
}

// A popup that the user has not asked for is one that browsers block; not so
// Chromium and MiniBrowser when they are driven by tests.
func TestFirefoxBlocksAPopupWithoutAGesture(t *testing.T) {
	s := newTLSSite(t, "auth.localhost")
	g := s.open(browsertest.Firefox.Open(t))
	got := browsertest.Eval[string](g.Tab, `game.loginPopup().catch(e => e.message)`)
	assert.Equal(t, browser.ErrPopupBlocked.Error(), got)
	assert.Equal(t, nobody, g.who(), "the game goes on")
	assert.Empty(t, s.auth.Requests("/authorize"))
}
