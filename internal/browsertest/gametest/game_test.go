// Package gametest plays with a Go program that is compiled to WebAssembly and
// signs its users in and out with package browser, in Chromium.
package gametest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/browsertest/wasmtest"
	"github.com/passport-go/passport/passporttest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

const (
	appHost      = "app.localhost"
	callbackHost = "callback.app.localhost"

	pollEvery = 5 * time.Millisecond

	// patience is how long a test waits for what should come at once.
	patience = 60 * time.Second

	// revokedWithin is how long it waits for a revocation: a page that is left in the
	// middle of one has it to itself for a minute.
	revokedWithin = 3 * time.Minute
)

// program is compiled once for all tests.
var program struct {
	sync.Once
	wasm []byte
}

func compiled(t testing.TB) []byte {
	t.Helper()
	program.Do(func() {
		program.wasm = wasmtest.Build(t, "github.com/passport-go/passport/internal/browsertest/gametest/testdata/game")
	})
	require.NotEmpty(t, program.wasm)
	return program.wasm
}

// site is where the game is played, and the auth domain that it signs people in
// at.
type site struct {
	t      testing.TB
	auth   *passporttest.Server
	origin string
	mux    *http.ServeMux
	serve  func(http.Handler) *httptest.Server
	config map[string]any
	policy string        // the pages' Content-Security-Policy
	ahead  time.Duration // the clock of the device; negative: behind

	headers      map[string]string // other headers of theirs
	embedders    []string          // of the callback page
	portalOrigin string            // of the page around the game
	frame        string            // other attributes of its frame
}

// newSite starts a site in silent mode, whose callback is served by package
// passport.
func newSite(t testing.TB, authHost string) *site {
	t.Helper()
	return serveSite(t, passporttest.Options{AutoLogin: true, Host: authHost}, httptest.NewServer)
}

// newTLSSite is newSite with everything on https, as sites are.
func newTLSSite(t testing.TB, authHost string) *site {
	t.Helper()
	return serveSite(t, passporttest.Options{AutoLogin: true, Host: authHost, TLS: true}, httptest.NewTLSServer)
}

func serveSite(t testing.TB, auth passporttest.Options, serve func(http.Handler) *httptest.Server) *site {
	t.Helper()
	s := &site{t: t, mux: http.NewServeMux(), serve: serve}
	s.auth = passporttest.NewServer(auth)
	t.Cleanup(s.auth.Close)
	server := serve(s.mux)
	t.Cleanup(server.Close)
	s.origin = strings.Replace(server.URL, "127.0.0.1", appHost, 1)
	s.config = map[string]any{
		"ClientID":          passporttest.ClientID,
		"AuthDomain":        s.auth.URL,
		"RedirectURI":       s.origin + "/redirect",
		"LogoutRedirectURI": s.origin + "/callback",
		"LogoutMode":        passport.LogoutSilent,
		"SilentTimeout":     patience,
		"SilentFallback":    passport.FallbackReport,
	}
	wasmtest.Handle(t, s.mux, compiled(t))
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { s.page(w, s.config) })
	s.mux.HandleFunc("GET /redirect", func(w http.ResponseWriter, _ *http.Request) { s.page(w, s.config) })
	s.mux.HandleFunc("GET /wasm-callback", func(w http.ResponseWriter, _ *http.Request) {
		s.page(w, map[string]any{"Parent": s.origin + "/"})
	})
	s.mux.HandleFunc("GET /callback", s.silentCallback)
	return s
}

// silentCallback is package passport's.
func (s *site) silentCallback(w http.ResponseWriter, r *http.Request) {
	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		RedirectURI:       s.origin + "/redirect",
		LogoutRedirectURI: s.origin + "/callback",
		LogoutMode:        passport.LogoutSilent,
	})
	if err != nil {
		panic(err)
	}
	p.LogoutSilentCallback(s.origin+"/", s.embedders...).ServeHTTP(w, r)
}

// page serves a page with the game.
func (s *site) page(w http.ResponseWriter, config any) {
	text, err := json.Marshal(config)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if s.policy != "" {
		w.Header().Set("Content-Security-Policy", s.policy)
	}
	for name, value := range s.headers {
		w.Header().Set(name, value)
	}
	fmt.Fprintf(w, `<!doctype html><title>game</title><script>window.config = %s; window.ahead = %d</script><script>%s</script>
		<script src="/wasm/wasm_exec.js"></script><script src="/wasm/run.js"></script>`, text, s.ahead.Milliseconds(), clockScript+pageScript)
}

// clockScript sets the clock of the device: what scripts and the Go program take for the
// time is ahead by window.ahead milliseconds.
const clockScript = `
	window.Date = class extends Date {
		constructor(...given) { given.length ? super(...given) : super(Date.now()) }
		static now() { return super.now() + ahead }
	};`

// pageScript answers the page around the game, and does in a popup what a program
// does on the page at RedirectURI.
const pageScript = `
	addEventListener("message", async e => {
		if (e.data?.ask) e.source.postMessage({answer: e.data.ask, value: await (0, eval)(e.data.expression)}, e.origin);
	});
	if (name.startsWith("passport-popup-") && location.pathname === "/redirect") {
		const waiting = setInterval(() => {
			if (!window.game?.callback) return;
			clearInterval(waiting);
			game.callback().then(() => window.outcome = "signed in", e => window.outcome = e.message);
		}, 5);
	}`

// redirects puts a site into redirect mode.
func (s *site) redirects() *site {
	s.config["LogoutMode"], s.config["LogoutRedirectURI"] = passport.LogoutRedirect, s.origin+"/"
	return s
}

// game is a tab with the game in it.
type game struct {
	*browsertest.Tab
	s *site
}

// open shows the game in a new tab.
func (s *site) open(p *browsertest.Profile) game {
	s.t.Helper()
	g := s.tab(p)
	g.home()
	return g
}

// tab is an empty one. If the test fails, it says what the program printed.
func (s *site) tab(p *browsertest.Profile) game {
	s.t.Helper()
	g := game{p.Tab(), s}
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Log(browsertest.Eval[string](g.Tab, `window.output ?? ""`))
		}
	})
	return g
}

// home loads the game anew.
func (g game) home() {
	g.s.t.Helper()
	g.Go(g.s.origin + "/")
	g.ready()
}

func (g game) ready() {
	g.s.t.Helper()
	g.Wait(`window.game`)
}

// signedIn opens a tab whose user has signed in.
func (s *site) signedIn(p *browsertest.Profile) game {
	s.t.Helper()
	g := s.open(p)
	g.signIn()
	return g
}

func (g game) signIn() {
	g.s.t.Helper()
	require.Equal(g.s.t, "/inventory", g.loginCallback().ReturnTo)
	require.Equal(g.s.t, "alice@example.com", g.who())
}

// login goes to the auth domain, and waits for the return.
func (g game) login() {
	g.s.t.Helper()
	g.Run(`window.old = true; void game.login("/inventory")`)
	g.Wait(`!window.old && location.pathname === "/redirect" && window.game`)
}

type callback struct{ Subject, ReturnTo string }

// loginCallback goes to the auth domain and comes back.
func (g game) loginCallback() callback {
	g.s.t.Helper()
	g.login()
	return browsertest.Eval[callback](g.Tab, `game.callback()`)
}

// who is the user, or what is said instead.
func (g game) who() string {
	g.s.t.Helper()
	return browsertest.Eval[string](g.Tab, `game.email().catch(e => e.message)`)
}

// nobody is what is said if nobody is signed in.
var nobody = passport.ErrNoSession.Error()

// account is what a logout says of itself.
type account struct{ Mode, URL, App, Revocation, Passport, Error string }

func (g game) logout() account {
	g.s.t.Helper()
	return browsertest.Eval[account](g.Tab, `game.logout()`)
}

// leave logs out, and waits until the page has been left and the game is there
// again.
func (g game) leave() {
	g.s.t.Helper()
	g.Run(`window.old = true; void game.logout()`)
	g.Wait(`!window.old && location.origin === "` + g.s.origin + `" && document.readyState === "complete"`)
	// WebKit has been seen to load a page and never start its program, before any of its
	// code has run. A user loads such a page again.
	if ok, _ := g.Comes(`window.game`, 20*time.Second); !ok {
		g.s.t.Log("the page is loaded again: its program has not started")
		g.Run(`location.reload()`)
		g.Wait(`window.game`)
	}
}

// stored are the items of localStorage and sessionStorage that hold a user or
// what a login of the JavaScript SDK leaves.
func (g game) stored() []string {
	g.s.t.Helper()
	return browsertest.Eval[[]string](g.Tab, `Object.keys(localStorage).filter(key => key.startsWith("oidc.") || key.startsWith("pkce_"))`)
}

// revoked asserts that no refresh token is good any more, once there was time.
func (s *site) revoked() {
	s.t.Helper()
	assert.Eventually(s.t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 },
		revokedWithin, pollEvery, "the refresh token is revoked")
}

// awaits waits for the nth request to a path of the auth domain.
func (s *site) awaits(path string, n int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	_, err := s.auth.Await(ctx, path, n)
	require.NoError(s.t, err)
}

// prompts are those of the logins so far.
func (s *site) prompts() []string {
	var prompts []string
	for _, r := range s.auth.Requests("/authorize") {
		prompts = append(prompts, r.Query.Get("prompt"))
	}
	return prompts
}
