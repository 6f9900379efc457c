package gametest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

func loginComesBackAndLeavesNothingInTheAddress(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	assert.Equal(t, nobody, g.who())

	back := g.loginCallback()
	assert.Equal(t, callback{passporttest.DefaultUser().Subject, "/inventory"}, back)
	assert.Equal(t, s.origin+"/redirect", g.URL())
	assert.Equal(t, "alice@example.com", g.who())

	g.Go(s.origin + "/redirect") // loaded again
	g.ready()
	assert.Equal(t, callback{back.Subject, "/"}, browsertest.Eval[callback](g.Tab, `game.callback()`))
	g.home()
	assert.Equal(t, "alice@example.com", g.who(), "the session outlives the page")
	assert.Len(t, s.auth.RefreshTokens(), 1, "the code was used once")
}

func callbackThatIsLoadedAgainBeforeItIsTidyIsTheSameSession(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.login()
	address := g.URL()
	browsertest.Eval[callback](g.Tab, `game.callback()`)
	g.Go(address)
	g.ready()
	assert.Equal(t, "/inventory", browsertest.Eval[callback](g.Tab, `game.callback()`).ReturnTo)
	assert.Empty(t, s.auth.Incidents(), "the code was used once")
	assert.Equal(t, "alice@example.com", g.who())
}

func TestTwoTabsSignInAtOnce(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	a, b := s.open(profile), s.open(profile)
	for _, g := range []game{a, b} {
		g.Run(`void game.login("/inventory")`)
	}
	for _, g := range []game{a, b} {
		g.Wait(`location.pathname === "/redirect" && window.game`)
		assert.Equal(t, "/inventory", browsertest.Eval[callback](g.Tab, `game.callback()`).ReturnTo)
	}
	assert.Equal(t, "alice@example.com", a.who())
	b.home() // which sees to what an earlier page has left pending
	assert.Equal(t, "alice@example.com", b.who())
	assert.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 1 }, revokedWithin, pollEvery,
		"the session that the second has replaced is revoked")
}

func TestLoginThatIsRefusedLeavesTheSessionAlone(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	s.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	g.login()
	assert.Contains(t, browsertest.Eval[string](g.Tab, `game.callback().catch(e => e.message)`), "access_denied")
	assert.Equal(t, s.origin+"/redirect", g.URL())
	assert.Equal(t, "alice@example.com", g.who())
}

// A game that looks whether its visitor is signed in at the provider shows the page that
// was asked for all the same.
func TestLoginThatAsksNothingComesBackToWhereItBegan(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "login_required"})
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.Run(`window.old = true; void game.loginUnasked("/inventory")`)
	g.Wait(`!window.old && location.pathname === "/redirect" && window.game`)
	got := browsertest.Eval[struct{ ReturnTo, Error string }](g.Tab, `game.failedCallback()`)
	assert.Contains(t, got.Error, "login_required")
	assert.Equal(t, "/inventory", got.ReturnTo)
	assert.Equal(t, []string{"none"}, s.prompts())
}

// A code that was obtained in another browser, or for another, signs nobody in.
func TestCallbackOfAnotherTabSignsNobodyIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.login()

	victim := s.open(browsertest.Open(t, browsertest.Blocked))
	victim.Go(g.URL())
	victim.ready()
	assert.Contains(t, browsertest.Eval[string](victim.Tab, `game.callback().catch(e => e.message)`), "no such login")
	assert.Equal(t, nobody, victim.who())
	assert.Empty(t, s.auth.RefreshTokens())
}

func TestTwoTabsRefreshOnce(t *testing.T) {
	s := newSite(t, "auth.localhost")
	stale := s.shortLived()
	profile := browsertest.Open(t, browsertest.Blocked)
	a := s.signedIn(profile)
	stale()
	b := s.open(profile)
	answer := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true})
	for _, g := range []game{a, b} {
		g.Run(`window.token = game.accessToken()`)
	}
	s.awaits("/oauth/token", 2)
	answer()
	token := browsertest.Eval[string](a.Tab, `token`)
	assert.NotEmpty(t, token)
	assert.Equal(t, token, browsertest.Eval[string](b.Tab, `token`))
	assert.Len(t, s.auth.Requests("/oauth/token"), 2, "one is the login's")
	assert.Empty(t, s.auth.Incidents())
}

// shortLived lets access tokens expire at once, until it is called off.
func (s *site) shortLived() (off func()) {
	return s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditAnswer: func(answer map[string]any) { answer["expires_in"] = 1 }})
}

func TestSessionIsReplacedInABrowserThatCannotTellOtherTabs(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.login()
	g.Run(`delete window.BroadcastChannel`)
	assert.Equal(t, "/inventory", browsertest.Eval[callback](g.Tab, `game.callback()`).ReturnTo)
	assert.Equal(t, "alice@example.com", g.who())
}

func TestStartMakesNoCallToTheNetwork(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	delete(s.config, "AuthDomain")
	s.config["Discover"], s.config["Issuer"] = true, s.auth.URL+"/"
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	require.True(t, browsertest.Eval[bool](g.Tab, `!game.refused`), "%s", browsertest.Eval[string](g.Tab, `game.refused ?? ""`))
	assert.Empty(t, s.auth.Requests("/.well-known/openid-configuration"))
}

// The browser keeps a page that the user leaves, for the way back to it, and with
// it the database that the page was about to open.
func TestAPageThatIsLeftWhileItStartsIsInNobodysWay(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.mux.HandleFunc("GET /left", func(w http.ResponseWriter, _ *http.Request) {
		s.page(w, s.config)
		fmt.Fprint(w, `<script>
			const open = IDBFactory.prototype.open
			IDBFactory.prototype.open = function (...args) {
				const request = open.apply(this, args)
				request.addEventListener("upgradeneeded", () => {
					const store = request.result.createObjectStore("takes its time")
					const goOn = () => { store.get("nothing").onsuccess = goOn }
					goOn()
					window.opening = true
				})
				return request
			}
		</script>`)
	})
	g := game{browsertest.Open(t, browsertest.Blocked).Tab(), s}
	g.Go(s.origin + "/left")
	g.Wait(`window.opening`)
	require.False(t, browsertest.Eval[bool](g.Tab, `!!window.game`))
	g.home()
	assert.Equal(t, nobody, g.who())
}
