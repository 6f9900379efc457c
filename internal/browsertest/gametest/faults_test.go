package gametest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/browser"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// Here are the faults at which the JavaScript SDK's logout falls short, one by
// one.

func revocationThatFailsKeepsNobodySignedIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	for name, fault := range map[string]passporttest.Fault{
		"answers 500":         {Status: http.StatusInternalServerError},
		"cuts the connection": {Cut: true},
		"never answers":       {Hang: true},
		"answers without CORS, as if it could not be reached": {NoCORS: true, Status: http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			g.signIn()
			fault.Path = "/oauth/revoke"
			lift := s.auth.Inject(fault)
			begun := time.Now()
			got := g.logout()
			assert.Less(t, time.Since(begun), patience)
			assert.Equal(t, "done", got.App)
			assert.Equal(t, "pending", got.Revocation)
			assert.Empty(t, got.Error)
			assert.Equal(t, nobody, g.who())
			assert.Empty(t, g.stored())
			lift()
		})
	}
	g.home()
	assert.Equal(t, nobody, g.who())
}

// The page is gone while the auth domain has yet to answer. The next page pays
// what is pending.
func revocationIsMadeUpForByTheNextPage(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Hang: true})
	g.leave()
	assert.Equal(t, nobody, g.who())
	require.Len(t, s.auth.RefreshTokens(passporttest.Live), 1)
	lift()
	s.config["Ahead"] = 2 * time.Minute // until then, the page before might still be at it
	g.home()
	assert.Equal(t, nobody, g.who())
	s.revoked()
}

// A session must not come back with a refresh that was under way when it ended.
func refreshInFlightBringsNoSessionBack(t *testing.T) {
	for _, where := range []string{"in the same tab", "in another tab"} {
		t.Run(where, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			stale := s.shortLived()
			profile := browsertest.Open(t, browsertest.Blocked)
			g := s.signedIn(profile)
			stale()
			refreshing := g
			if where == "in another tab" {
				refreshing = s.open(profile)
			}
			answerNow := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Hang: true})
			refreshing.Run(`window.refreshed = game.accessToken().catch(e => e.message)`)
			s.awaits("/oauth/token", 2)

			assert.Equal(t, "done", g.logout().App)
			answerNow()
			assert.Equal(t, nobody, browsertest.Eval[string](refreshing.Tab, `refreshed`))
			assert.Equal(t, nobody, g.who())
			assert.Empty(t, g.stored())
			s.revoked() // the token that the refresh brought, too
		})
	}
}

var logoutFaults = map[string]passporttest.Fault{
	"hangs":             {Hang: true},
	"is cut":            {Cut: true},
	"answers 500":       {Status: http.StatusInternalServerError, Body: "oops"},
	"may not be framed": {Status: http.StatusOK, DenyFraming: true},
}

// The fallback visits the same address at top level, and so ends both sessions
// where the iframe could not.
func logoutURLThatFailsInTheIframeIsVisitedAtTopLevel(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["SilentTimeout"], s.config["SilentFallback"] = 500*time.Millisecond, passport.FallbackRedirect
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	for name, fault := range logoutFaults {
		t.Run(name, func(t *testing.T) {
			g.signIn()
			fault.Path = "/v2/logout"
			fault.If = func(r passporttest.Request) bool { return r.Header.Get("Sec-Fetch-Dest") == "iframe" }
			defer s.auth.Inject(fault)()
			g.leave()
			assert.Equal(t, nobody, g.who())
			assert.Empty(t, s.auth.Sessions())
			assert.False(t, g.unfinished(), "the server's callback page does not know the logout, and hands its return on")
			assert.Equal(t, s.origin+"/", g.URL())
		})
	}
}

func TestReportSaysWhyASilentLogoutDidNotComeThrough(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := game{browsertest.Open(t, browsertest.Blocked).Tab(), s}
	for name, tt := range map[string]struct {
		fault   passporttest.Fault
		timeout time.Duration
		policy  string
		want    error
	}{
		"hangs":       {fault: logoutFaults["hangs"], timeout: 500 * time.Millisecond, want: browser.ErrTimeout},
		"answers 500": {fault: logoutFaults["answers 500"], timeout: patience, want: browser.ErrRefused},
		"policy": {
			timeout: patience, want: browser.ErrBlocked,
			policy: "default-src 'self' http:; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; frame-src 'self'",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.policy, s.config["SilentTimeout"] = tt.policy, tt.timeout
			g.home()
			tt.fault.Path = "/v2/logout"
			defer s.auth.Inject(tt.fault)()
			got := g.logout()
			assert.Equal(t, "skipped", got.App)
			assert.Equal(t, "unconfirmed", got.Passport)
			assert.Equal(t, tt.want.Error(), got.Error)
			assert.NotEmpty(t, got.URL)
			assert.Zero(t, g.frames())
			assert.True(t, g.unfinished())
		})
	}
}

// In redirect mode the user is at the auth domain's own error page; they are
// signed out of the program, and the next login does not let them straight in.
func TestRedirectThatStrandsTheUserHasSignedThemOut(t *testing.T) {
	s := newSite(t, "auth.localhost").redirects()
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	lift := s.auth.Inject(passporttest.Fault{Path: "/v2/logout", Status: http.StatusInternalServerError, Body: "oops"})
	g.Run(`void game.logout()`)
	g.Wait(`location.origin === "` + s.auth.URL + `" && document.readyState === "complete"`)
	lift()
	g.home()
	assert.Equal(t, nobody, g.who())
	assert.True(t, g.unfinished())
	g.signIn()
	assert.Equal(t, []string{"", "login"}, s.prompts())
}

func TestCorruptSessionCanBeLoggedOut(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.Run(`for (const key of Object.keys(localStorage)) if (key.startsWith("oidc.user:")) localStorage.setItem(key, "{")`)
	got := g.logout()
	assert.Equal(t, "skipped", got.App)
	assert.Empty(t, got.Error)
	assert.Empty(t, g.stored())
	assert.Equal(t, nobody, g.who())
}

// Whatever is said by whoever is not the callback in the iframe neither ends the
// wait for it nor breaks it off.
func forgedMessagesAreOfNoAccount(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	lift := s.auth.Inject(passporttest.Fault{Path: "/v2/logout", Hang: true})
	g.Run(`window.leaving = game.logout().then(l => window.left = l)`)
	s.awaits("/v2/logout", 1)
	assert.True(t, browsertest.Eval[bool](g.Tab, `(async () => {
		const inner = document.createElement("iframe");
		document.body.append(inner);
		const forged = [{source: "oidc-client", url: "", keepOpen: false}, {source: "oidc-client", url: "x", passport: "done"}, null, "x", 1];
		for (const message of forged) {
			postMessage(message, "*");
			inner.contentWindow.eval("parent").postMessage(message, "*");
			inner.contentWindow.Function("m", "parent.postMessage(m, '*')")(message);
			new BroadcastChannel("oidc-client-popup-undefined").postMessage(message);
		}
		const last = new Promise(resolve => addEventListener("message", e => e.data === "last" && resolve()));
		postMessage("last", "*");
		await last;
		await game.email().catch(() => {}); // the program has had its turn
		inner.remove();
		return window.left === undefined;
	})()`))
	lift()
	got := browsertest.Eval[account](g.Tab, `leaving`)
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.Empty(t, got.Error)
}

// From the iframe itself, but another page in it.
func messageOfAnotherOriginCompletesNothing(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	s.auth.Inject(passporttest.Fault{Path: "/v2/logout", Status: http.StatusOK,
		Body: `<script>parent.postMessage({source: "oidc-client", url: "x", passport: "done"}, "*")</script>`})
	got := g.logout()
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.Equal(t, browser.ErrRefused.Error(), got.Error)
}

func TestConfigThatCannotBeIsRefusedWithEveryReason(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["ClientID"], s.config["RedirectURI"], s.config["LogoutMode"] = "", "", "loud"
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	refused := browsertest.Eval[string](g.Tab, `game.refused`)
	for _, field := range []string{"ClientID", "RedirectURI", "LogoutMode"} {
		assert.Contains(t, refused, field)
	}
}

// A logout that the database does not take is made up for, but whoever has signed
// in since stays signed in.
func TestLogoutThatIsMadeUpForEndsNoLaterSession(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	g := s.signedIn(profile)
	g.Run(`window.get = IDBObjectStore.prototype.get;
		IDBObjectStore.prototype.get = () => { throw new DOMException("broken", "UnknownError") }`)
	got := g.logout()
	require.Equal(t, "done", got.App, "it is gone from its place")
	require.Equal(t, "pending", got.Revocation)
	require.Empty(t, got.Error)

	other := s.signedIn(profile)
	g.Run(`IDBObjectStore.prototype.get = get`)
	g.who()
	assert.Equal(t, "alice@example.com", other.who())
	assert.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 1 }, revokedWithin, pollEvery)
}
