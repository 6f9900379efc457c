package gametest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/browser"
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
			assert.Empty(t, browsertest.Eval[string](popup.Tab, `name`), "and no later page in it waits for an answer")
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

func TestPopupWhoseCallbackIsCancelledStaysAPopup(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	popup := g.Popup(func() { g.Gesture(`void open("/")`) })
	popup.Wait(`window.game`)
	popup.Run(`name = "passport-popup-test"; history.replaceState(null, "", "?code=1&state=2")`)
	message := browsertest.Eval[string](popup, `game.cancelledCallback().then(() => "", e => e.message)`)
	assert.Equal(t, context.Canceled.Error(), message)
	assert.Equal(t, "passport-popup-test", browsertest.Eval[string](popup, `name`))
}

func TestPopupOfADoubleClickIsOneWindow(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	popup := s.popup(g.Tab, func() { g.Gesture(`window.logins = [game.loginPopup()]`) })
	g.Gesture(`logins.push(game.loginPopup())`)
	// The window is closed for longer than the page waits for a message from it.
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Times: 1, Delay: 3 * time.Second})
	popup.goOn()
	subject := passporttest.DefaultUser().Subject
	assert.Equal(t, []string{subject, subject}, browsertest.Eval[[]string](g.Tab, `Promise.all(logins)`))
	require.Len(t, s.auth.RefreshTokens(), 1)

	popup = s.logoutPopup(g)
	g.Gesture(`logouts.push(game.logoutPopup())`)
	popup.goOn()
	for _, got := range browsertest.Eval[[]account](g.Tab, `Promise.all(logouts)`) {
		assert.Equal(t, "done", got.Passport)
		assert.Empty(t, got.Error)
	}
	assert.Len(t, s.auth.Requests("/v2/logout"), 2, "of one logout: the page that said no, and the next")
}

// logoutPopup is the window of a logout, which stands at the auth domain until it goes on.
func (s *site) logoutPopup(g game) game {
	s.t.Helper()
	s.auth.Inject(passporttest.Fault{Path: "/v2/logout", Times: 1, Status: http.StatusTeapot})
	n := len(s.auth.Requests("/v2/logout"))
	g.Run(`window.logouts = []`)
	popup := g.Popup(func() { g.Gesture(`logouts.push(game.logoutPopup())`) })
	s.awaits("/v2/logout", n+1)
	return game{popup, s}
}

func TestPopupThatTheUserHasClosedIsOpenedAgainByTheNextClick(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.Run(`const open = window.open; window.open = (...args) => window.opened = open.apply(window, args)`)
	s.popup(g.Tab, func() { g.Gesture(`void game.loginPopup().catch(() => {})`) })
	g.Run(`opened.close()`)
	g.Gesture(`window.second = game.loginPopup()`)
	assert.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](g.Tab, `second`))
}

func TestPopupLogoutOfALaterSessionIsALogoutOfItsOwn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	s.logoutPopup(g)
	g.Gesture(`window.login = game.loginPopup()`)
	require.Equal(t, passporttest.DefaultUser().Subject, browsertest.Eval[string](g.Tab, `login`))
	g.Gesture(`logouts.push(game.logoutPopup())`)
	got := browsertest.Eval[[]account](g.Tab, `Promise.all(logouts)`)
	assert.Equal(t, "unconfirmed", got[0].Passport)
	assert.Equal(t, browser.ErrPopupClosed.Error(), got[0].Error)
	assert.Equal(t, "done", got[1].Passport)
	assert.Empty(t, got[1].Error)
	assert.Equal(t, nobody, g.who())
	s.revoked()
}

// The last logout that is noted is then the one before.
func TestPopupLogoutThatIsClosedAndCannotBeNotedIsUnconfirmed(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	s.logoutPopup(g).goOn()
	require.Equal(t, "done", browsertest.Eval[[]account](g.Tab, `Promise.all(logouts)`)[0].Passport)
	g.signIn()
	g.Run(`const open = window.open; window.open = (...args) => window.opened = open.apply(window, args);
		for (const [prototype, method] of [[Storage.prototype, "setItem"], [IDBObjectStore.prototype, "put"], [IDBObjectStore.prototype, "add"]])
			prototype[method] = () => { throw new DOMException("full", "QuotaExceededError") }`)
	s.logoutPopup(g)
	g.Run(`opened.close()`)
	got := browsertest.Eval[[]account](g.Tab, `Promise.all(logouts)`)[0]
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.Contains(t, got.Error, browser.ErrPopupClosed.Error())
}
