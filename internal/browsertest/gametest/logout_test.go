package gametest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

func redirectLogoutEndsBothSessionsAndKnowsIt(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.leave()
	assert.Equal(t, s.origin+"/", g.URL(), "the guard is not left in the address")
	assert.Equal(t, nobody, g.who())
	assert.Empty(t, g.stored())
	assert.Empty(t, s.auth.Sessions())
	s.revoked()
	assert.False(t, g.unfinished())
	assert.Contains(t, browsertest.Eval[[]string](g.Tab, `game.events`), "passport.done")
	for name := range s.auth.Requests("/v2/logout")[0].Query {
		assert.Contains(t, []string{"client_id", "returnTo"}, name, "the URL carries no token")
	}

	g.signIn()
	assert.Equal(t, []string{"", ""}, s.prompts(), "a logout that is known to be complete costs nobody a password")
}

// situations are what a browser does with the auth domain's cookie in an iframe.
var situations = []struct {
	name     string
	cookies  browsertest.Cookies
	auth     string
	passport passport.Outcome // that is reported
	ends     bool             // the Passport session, really
}{
	{"cross-site, third-party cookies blocked", browsertest.Blocked, "auth.localhost", passport.OutcomeUnconfirmed, false},
	{"cross-site, third-party cookies allowed", browsertest.Allowed, "auth.localhost", passport.OutcomeUnconfirmed, true},
	{"same host", browsertest.Blocked, appHost, passport.OutcomeDone, true},
}

func silentLogoutSaysWhatIsKnown(t *testing.T) {
	for _, in := range situations {
		t.Run(in.name, func(t *testing.T) {
			s := newSite(t, in.auth)
			s.config["RevocationWait"] = patience
			g := s.signedIn(browsertest.Open(t, in.cookies))
			address := g.URL()
			got := g.logout()
			assert.Equal(t, account{Mode: "silent", URL: got.URL, App: "done", Revocation: "done", Passport: string(in.passport)}, got)
			assert.Equal(t, address, g.URL())
			assert.Equal(t, nobody, g.who())
			assert.Empty(t, g.stored())
			assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
			assert.Equal(t, in.ends, len(s.auth.Sessions()) == 0)
			assert.Zero(t, g.frames())

			assert.Equal(t, in.passport == passport.OutcomeUnconfirmed, g.unfinished())
			prompt := ""
			if in.passport == passport.OutcomeUnconfirmed {
				prompt = "login"
				passSeconds()
			}
			g.signIn()
			assert.Equal(t, prompt, s.prompts()[1])
			assert.False(t, g.unfinished(), "a login with a password has finished it")
		})
	}
}

// passSeconds lets so much time pass that an auth_time, which has whole seconds, is
// certainly later than what has happened so far.
func passSeconds() { time.Sleep(3 * time.Second) }

func (g game) frames() int {
	g.s.t.Helper()
	return browsertest.Eval[int](g.Tab, `document.querySelectorAll("iframe").length`)
}

func (g game) unfinished() bool {
	g.s.t.Helper()
	return browsertest.Eval[bool](g.Tab, `game.unfinished().then(Boolean)`)
}

// A server behind the callback may have seen the iframe's way, and know.
func TestCallbackThatKnowsIsBelieved(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["LogoutRedirectURI"] = s.origin + "/knowing"
	s.mux.HandleFunc("GET /knowing", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<script>parent.postMessage({source: "oidc-client", url: "x", passport: "done"}, location.origin)</script>`)
	})
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	assert.Equal(t, "done", g.logout().Passport)
	assert.False(t, g.unfinished())
}

// In another page's frame, even the auth domain's own host is a third party.
func TestFramedGameKnowsNothingForCertain(t *testing.T) {
	s := newSite(t, appHost)
	s.mux.HandleFunc("GET /portal", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<iframe src="/"></iframe>`)
	})
	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	tab.Go(s.origin + "/portal")
	tab.Wait(`frames[0].game`)
	got := browsertest.Eval[account](tab, `frames[0].game.logout()`)
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.Empty(t, got.Error)
}

// Whoever signs out last, in whichever tab, is signed out, and the doubt that this
// logout leaves is not taken for that of the one before.
func TestLogoutStopsALoginThatIsUnderWay(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	other := s.signedIn(profile)
	require.Equal(t, "unconfirmed", other.logout().Passport)
	g := s.open(profile)
	g.login()
	before := len(s.auth.Requests("/oauth/token"))
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Late: true, Times: 1})
	g.Run(`window.finished = game.callback().then(() => "signed in", e => e.message)`)
	s.awaits("/oauth/token", before+1)
	require.Equal(t, "unconfirmed", other.logout().Passport)
	lift()

	assert.Contains(t, browsertest.Eval[string](g.Tab, `finished`), passport.ErrNoLogin.Error())
	assert.Equal(t, nobody, g.who())
	assert.Equal(t, nobody, other.who())
	assert.Empty(t, g.stored())
	s.revoked()
	passSeconds()
	g.signIn()
	assert.Equal(t, []string{"", "login", "login"}, s.prompts())
	assert.Nil(t, browsertest.Eval[*account](g.Tab, `game.unfinished()`), "and that is the end of it")
}

func unfinishedLogoutCanBeFinished(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["LogoutRedirectURI"] = s.origin + "/wasm-callback"
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	require.Equal(t, "unconfirmed", g.logout().Passport)
	require.Len(t, s.auth.Sessions(), 1)
	g.Go(s.origin + "/?passport_logout=forged")
	g.ready()
	require.True(t, g.unfinished(), "whoever sends the browser here finishes nothing")

	g.Run(`window.old = true; game.unfinished().then(logout => location.assign(logout.url))`)
	g.Wait(`!window.old && location.pathname === "/" && window.game`)
	assert.Empty(t, s.auth.Sessions())
	assert.False(t, g.unfinished(), "the callback page has handed on what came back")
	assert.Equal(t, s.origin+"/", g.URL())
}

// A page that shows the link as soon as the session ends.
func TestUnfinishedLogoutIsFinishedByALinkThatWasShownBeforeItWasOver(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["LogoutRedirectURI"] = s.origin + "/wasm-callback"
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	first := browsertest.Eval[string](g.Tab, `(async () => {
		const over = game.logout();
		for (;;) {
			const logout = await game.unfinished();
			if (logout) {
				await over;
				return logout.url;
			}
		}
	})()`)
	require.NotEqual(t, browsertest.Eval[string](g.Tab, `game.unfinished().then(logout => logout.url)`), first, "it was over by then")
	g.Run(`window.old = true; location.assign(` + strconv.Quote(first) + `)`)
	g.Wait(`!window.old && location.pathname === "/" && window.game`)
	assert.Empty(t, s.auth.Sessions())
	assert.False(t, g.unfinished())
	assert.Equal(t, s.origin+"/", g.URL())
}

// assertCompletedBy checks that a silent logout comes back by a callback page.
func (s *site) assertCompletedBy(host, path string) {
	s.t.Helper()
	s.config["LogoutRedirectURI"] = strings.Replace(s.origin, appHost, host, 1) + path
	got := s.open(browsertest.Open(s.t, browsertest.Blocked)).logout()
	assert.Equal(s.t, "unconfirmed", got.Passport)
	assert.Empty(s.t, got.Error)
}

// The callback may be a Go program, too, and on another origin.
func TestCallbackInWebAssemblyCompletesALogout(t *testing.T) {
	for _, host := range []string{appHost, callbackHost} {
		t.Run(host, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.assertCompletedBy(host, "/wasm-callback")
		})
	}
}

func TestCallbackOnAnotherOriginCompletesALogout(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.assertCompletedBy(callbackHost, "/callback")
}

// A page of another origin in the iframe may be a callback that has yet to run
// its program, on a slow machine or over a slow line.
func TestCallbackOnAnotherOriginMayTakeItsTime(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.mux.HandleFunc("GET /slow-callback", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<script>setTimeout(() => parent.postMessage({source: "oidc-client", url: "x"}, %q), 3000)</script>`, s.origin)
	})
	s.assertCompletedBy(callbackHost, "/slow-callback")
}

func TestTwoLogoutsAtOnceAreOne(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	both := browsertest.Eval[[]account](g.Tab, `Promise.all([game.logout(), game.logout()])`)
	assert.Equal(t, both[0], both[1])
	assert.Equal(t, "done", both[0].App)
	assert.Len(t, s.auth.Requests("/v2/logout"), 1)
	assert.Len(t, s.auth.Requests("/oauth/revoke"), 1)
}

func TestLogoutOfNobodyEndsThePassportSessionAllTheSame(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.Run(`localStorage.clear()`)
	require.Equal(t, nobody, g.who())
	g.leave()
	assert.Empty(t, s.auth.Sessions())
}

func TestLogoutAfterCloseEndsTheAppSession(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.home()
	g.Run(`game.close()`)
	got := g.logout()
	assert.Equal(t, "done", got.App)
	assert.Equal(t, "unconfirmed", got.Passport, "nobody waits for the iframe")
	assert.Empty(t, g.stored())
}
