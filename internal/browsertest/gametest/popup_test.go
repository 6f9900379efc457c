package gametest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// popup is the window of a login, which stands at the auth domain until it goes on.
func (s *site) popup(opener *browsertest.Tab, open func()) game {
	s.t.Helper()
	s.auth.Inject(passporttest.Fault{Path: "/authorize", Times: 1, Status: http.StatusTeapot})
	n := len(s.auth.Requests("/authorize"))
	popup := opener.Popup(open)
	s.awaits("/authorize", n+1)
	return game{popup, s}
}

func (g game) goOn() { g.Run(`location.reload()`) }

// The page that has opened a popup may be another one when the login comes back, or none.
func TestPopupWhoseOpenerIsGoneFinishesTheLoginItself(t *testing.T) {
	opens := func(g game) func() {
		return func() { g.Gesture(`void game.loginPopup().catch(() => {})`) }
	}
	for name, leave := range map[string]func(game){
		"loaded again":    game.home,
		"on another site": func(g game) { g.Go(g.s.auth.URL + "/.well-known/jwks.json") },
		"with a new popup": func(g game) {
			g.home()
			g.s.popup(g.Tab, opens(g))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			profile := browsertest.Open(t, browsertest.Blocked)
			other := s.open(profile)
			other.Run(`window.came = game.awaitSession()`)
			g := s.open(profile)
			popup := s.popup(g.Tab, opens(g))
			leave(g)
			popup.goOn()
			popup.Wait(`window.outcome`)
			assert.Equal(t, "signed in", browsertest.Eval[string](popup.Tab, `outcome`), "it is a page of the game now")
			assert.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](other.Tab, `came`))
		})
	}
}

// The popup does not see what the frame has stored.
func TestPopupOfAFrameThatIsLoadedAgainSaysWhatToDo(t *testing.T) {
	s := newSite(t, "auth.localhost")
	p := s.embed(browsertest.Open(t, browsertest.Blocked))
	popup := s.popup(p.Tab, func() { p.click(`window.popup = game.loginPopup()`) })
	p.Go(p.URL())
	popup.goOn()
	popup.Wait(`window.outcome`)
	assert.Contains(t, browsertest.Eval[string](popup.Tab, `outcome`), "close it, and sign in again in the game")
}

// The popup goes on to the game, which notes that the logout came back.
func TestPopupLogoutWhosePageIsLoadedAgainIsFinished(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	s.auth.Inject(passporttest.Fault{Path: "/v2/logout", Times: 1, Status: http.StatusTeapot})
	popup := game{g.Popup(func() { g.Gesture(`void game.logoutPopup()`) }), s}
	s.awaits("/v2/logout", 1)
	g.home()
	assert.True(t, g.unfinished())
	popup.goOn()
	popup.Wait(`location.pathname === "/" && window.game`)
	assert.False(t, g.unfinished())
}

func TestPopupOfADoubleClickIsOneWindow(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	s.popup(g.Tab, func() { g.Gesture(`window.logins = [game.loginPopup()]`) })
	g.Gesture(`logins.push(game.loginPopup())`)
	subject := passporttest.DefaultUser().Subject
	assert.Equal(t, []string{subject, subject}, browsertest.Eval[[]string](g.Tab, `Promise.all(logins)`))
	require.Len(t, s.auth.RefreshTokens(), 1)

	s.auth.Inject(passporttest.Fault{Path: "/v2/logout", Times: 1, Status: http.StatusTeapot})
	g.Gesture(`window.logouts = [game.logoutPopup()]`)
	s.awaits("/v2/logout", 1)
	g.Gesture(`logouts.push(game.logoutPopup())`)
	for _, got := range browsertest.Eval[[]account](g.Tab, `Promise.all(logouts)`) {
		assert.Equal(t, "done", got.Passport)
		assert.Empty(t, got.Error)
	}
}
