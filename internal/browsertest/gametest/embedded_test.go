package gametest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/browser"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// portal is a page of another site with the game in a frame.
type portal struct {
	*browsertest.Tab
	s *site
}

// embed shows the game in a portal. What is asked in the frame goes by messages, for
// the portal may not look into it.
func (s *site) embed(p *browsertest.Profile) portal {
	s.t.Helper()
	mux := http.NewServeMux()
	server := s.serve(mux)
	s.t.Cleanup(server.Close)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>portal</title><h1>Portal</h1><iframe src="%s/" width="600" height="400" allow="storage-access" %s></iframe>
			<script>
			window.answers = {};
			addEventListener("message", e => { if (e.data?.answer) answers[e.data.answer] = e.data });
			async function ask(expression) {
				const id = "a" + Math.random();
				frames[0].postMessage({ask: id, expression}, "*");
				while (!answers[id]) await new Promise(resolve => setTimeout(resolve, 5));
				return answers[id].value;
			}
			</script>`, s.origin, s.frame)
	})
	tab := portal{p.Tab(), s}
	s.portalOrigin = strings.Replace(server.URL, "127.0.0.1", "portal.localhost", 1)
	tab.Go(s.portalOrigin + "/")
	require.True(s.t, tab.eventually(`Boolean(window.game)`))
	return tab
}

func inside[T any](p portal, expression string) T {
	p.s.t.Helper()
	quoted, err := json.Marshal(expression)
	require.NoError(p.s.t, err)
	return browsertest.Eval[T](p.Tab, `ask(`+string(quoted)+`)`)
}

func (p portal) eventually(expression string) bool {
	p.s.t.Helper()
	return inside[bool](p, `(async () => { while (!(`+expression+`)) await new Promise(resolve => setTimeout(resolve, 5)); return true })()`)
}

// click has the game do something in the user's click.
func (p portal) click(expression string) {
	p.s.t.Helper()
	inside[any](p, `void (onclick = () => { `+expression+` })`)
	p.Click("iframe")
}

func TestEmbeddedGameSignsInAndOutByAPopup(t *testing.T) {
	s := newSite(t, "auth.localhost")
	p := s.embed(browsertest.Open(t, browsertest.Blocked))
	assert.Equal(t, browser.ErrEmbedded.Error(), inside[string](p, `game.login("/").then(() => "left", e => e.message)`))
	assert.Equal(t, nobody, inside[string](p, `game.email().catch(e => e.message)`), "the game goes on")
	blocked := inside[string](p, `(async () => {
		const open = window.open; // the tests' browser blocks none
		window.open = () => null;
		const message = await game.loginPopup().catch(e => e.message);
		window.open = open;
		return message;
	})()`)
	assert.Equal(t, browser.ErrPopupBlocked.Error(), blocked)

	p.click(`window.popup = game.loginPopup().catch(e => e.message)`)
	assert.Equal(t, passporttest.DefaultUser().Subject, inside[string](p, `popup`))
	assert.Equal(t, "alice@example.com", inside[string](p, `game.email()`))
	p.Screenshot("embedded-signed-in")
	require.Len(t, s.auth.Sessions(), 1)

	p.click(`window.popup = game.logoutPopup()`)
	got := inside[account](p, `popup`)
	assert.Equal(t, "done", got.App)
	assert.Equal(t, "done", got.Passport)
	assert.Empty(t, got.Error)
	assert.Empty(t, s.auth.Sessions(), "which no iframe could do here")
	assert.Equal(t, nobody, inside[string](p, `game.email().catch(e => e.message)`))
}

func TestEmbeddedGameSignsOutSilentlyAndStaysThere(t *testing.T) {
	for _, named := range []bool{true, false} {
		t.Run(fmt.Sprintf("the callback names the portal: %v", named), func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.config["SilentFallback"] = passport.FallbackRedirect
			p := s.embed(browsertest.Open(t, browsertest.Blocked))
			if named {
				s.embedders = []string{s.portalOrigin}
			}
			p.click(`window.popup = game.loginPopup().catch(e => e.message)`)
			require.Equal(t, passporttest.DefaultUser().Subject, inside[string](p, `popup`))
			got := inside[account](p, `game.logout()`)
			assert.Equal(t, "silent", got.Mode)
			assert.Equal(t, "done", got.App)
			assert.Equal(t, "unconfirmed", got.Passport)
			if named {
				assert.Empty(t, got.Error)
			} else {
				assert.Equal(t, browser.ErrRefused.Error(), got.Error)
			}
			assert.Equal(t, nobody, inside[string](p, `game.email().catch(e => e.message)`), "the game goes on")
			p.Screenshot(fmt.Sprintf("embedded-signed-out-%v", named))
		})
	}
}

// The browser itself blocks the popup, and the game is told.
func TestEmbeddedGameInASandboxWithoutPopupsIsToldThatTheyAreBlocked(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.frame = `sandbox="allow-scripts allow-same-origin"`
	p := s.embed(browsertest.Open(t, browsertest.Blocked))
	p.click(`window.popup = game.loginPopup().catch(e => e.message)`)
	assert.Equal(t, browser.ErrPopupBlocked.Error(), inside[string](p, `popup`))
	p.click(`window.popup = game.logoutPopup()`)
	got := inside[account](p, `popup`)
	assert.Equal(t, browser.ErrPopupBlocked.Error(), got.Error)
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.NotEmpty(t, got.URL)
	assert.Equal(t, nobody, inside[string](p, `game.email().catch(e => e.message)`), "the game goes on")
}

func TestEmbeddedGameInRedirectModeIsNotLeft(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	p := s.embed(browsertest.Open(t, browsertest.Blocked))
	got := inside[account](p, `game.logout()`)
	assert.Contains(t, got.Error, browser.ErrEmbedded.Error())
	assert.NotEmpty(t, got.URL)
	assert.Equal(t, nobody, inside[string](p, `game.email().catch(e => e.message)`), "the game goes on")
}

func TestPopupThatTheUserClosesSignsNobodyIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	defer s.auth.Inject(passporttest.Fault{Path: "/authorize", Hang: true})()
	g.Run(`const open = window.open; window.open = (...args) => window.opened = open.apply(window, args)`)
	g.Gesture(`void (window.popup = game.loginPopup().catch(e => e.message))`)
	s.awaits("/authorize", 1)
	g.Run(`opened.close()`) // as the user does
	assert.Equal(t, browser.ErrPopupClosed.Error(), browsertest.Eval[string](g.Tab, `popup`))
	assert.Equal(t, nobody, g.who())
}

func TestPopupThatIsClosedIsNoErrorForWhoeverHasSignedInElsewhere(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	g := s.open(profile)
	defer s.auth.Inject(passporttest.Fault{Path: "/authorize", Hang: true, Times: 1})()
	g.Run(`const open = window.open; window.open = (...args) => window.opened = open.apply(window, args)`)
	g.Gesture(`void (window.popup = game.loginPopup().catch(e => e.message))`)
	s.awaits("/authorize", 1)
	s.signedIn(profile)
	g.Run(`opened.close()`)
	assert.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](g.Tab, `popup`))
}

// A page with a Cross-Origin-Opener-Policy that allows popups keeps them, unless the page
// that they come back to has one too.
func TestPopupComesBackToAPageThatAllowsPopups(t *testing.T) {
	s := newTLSSite(t, "auth.localhost")
	s.headers = map[string]string{"Cross-Origin-Opener-Policy": "same-origin-allow-popups"}
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.Gesture(`void (window.popup = game.loginPopup().catch(e => e.message))`)
	assert.Equal(t, browser.ErrPopupClosed.Error(), browsertest.Eval[string](g.Tab, `popup`))

	s.headers = nil
	g.Gesture(`void (window.popup = game.loginPopup().catch(e => e.message))`)
	assert.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](g.Tab, `popup`))
}
