package jssdk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/browsertest/wasmtest"
	"github.com/passport-go/passport/passporttest"
)

// contestants are the silent logouts that are compared with the JavaScript SDK's.
var contestants = []struct {
	name   string
	signIn func(*race)
	logout string
}{
	{"the JavaScript SDK", (*race).signInWithSDK, `sdk.logout()`},
	{"passport.js", (*race).signIn, `passport.logout()`},
	{"a Go program", (*race).signInToGame, `game.logout()`},
}

// Each asks for three answers: the JavaScript SDK and the Go program for the
// revocation, the auth domain and its callback page, passport.js for the program in
// place of the revocation.
func TestASilentLogoutWaitsForThreeAnswers(t *testing.T) {
	r := newRace(t)
	for _, c := range contestants {
		r.time(func() { c.signIn(r) }, c.logout, 1)
	}
	assert.Eventually(t, func() bool { return len(r.auth.RefreshTokens(passporttest.Live)) == 0 },
		20*time.Second, 5*time.Millisecond, "all have signed all out")
}

// The silent logouts of passport.js, of a Go program in WebAssembly and of the
// JavaScript SDK, in the same tab, where each answer that they wait for takes 50 ms,
// and where the processor is four times slower as well, as a phone's is. They take
// turns; the medians are reported, and their ratios to the JavaScript SDK's.
//
// The scripts are not held up, as if the browser had them. The JavaScript SDK and
// passport.js wait for one answer after the other, so 150 ms are the same for both;
// the Go program does not wait for the revocation before it visits the auth domain.
func BenchmarkSilentLogoutBesideTheJavaScriptSDK(b *testing.B) {
	for _, slowness := range []float64{1, 4} {
		b.Run(fmt.Sprintf("slower=%.0f", slowness), func(b *testing.B) {
			r := newRace(b)
			times := make([][]float64, len(contestants))
			for b.Loop() {
				for i, c := range contestants {
					times[i] = append(times[i], r.time(func() { c.signIn(r) }, c.logout, slowness))
				}
			}
			theirs := median(times[0])
			b.ReportMetric(theirs, "sdk-ms")
			b.ReportMetric(median(times[1])/theirs, "passport.js/sdk")
			b.ReportMetric(median(times[2])/theirs, "go/sdk")
		})
	}
}

func median(times []float64) float64 { return slices.Sorted(slices.Values(times))[len(times)/2] }

// race is a site whose users sign in and out with either.
type race struct {
	t      testing.TB
	auth   *passporttest.Server
	tab    *browsertest.Tab
	origin string
	held   atomic.Int64 // answers of the site and the auth domain that were delayed
}

const (
	delay = 50 * time.Millisecond

	ourPage    = `<!doctype html><title>ours</title><script src="/passport.js" defer></script><body>`
	sdkPage    = `<!doctype html><title>theirs</title><body><script src="/sdk.js"></script><script>window.sdk = new Passport(%s)</script>`
	gamePage   = `<!doctype html><title>game</title><body><script>window.config = %s</script><script src="/wasm/wasm_exec.js"></script><script src="/wasm/run.js"></script>`
	sdkGoodbye = sdkPage + `<script>void sdk.logoutSilentCallback(location.origin)</script>`
)

func newRace(t testing.TB) *race {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	r := &race{t: t, origin: strings.Replace(server.URL, "127.0.0.1", "app.localhost", 1)}
	r.auth = passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: "auth.localhost", TLS: true})
	t.Cleanup(r.auth.Close)
	r.serveOurs(mux)
	r.serveTheirs(mux)
	r.serveGame(mux)

	// Not those to the program, which revokes in the background.
	fromBrowser := func(request passporttest.Request) bool {
		if request.Header.Get("Sec-Fetch-Mode") == "" {
			return false
		}
		r.held.Add(1)
		return true
	}
	for _, path := range []string{"/oauth/revoke", "/v2/logout"} {
		r.auth.Inject(passporttest.Fault{Path: path, Delay: delay, If: fromBrowser})
	}
	r.tab = browsertest.OpenToMeasure(t).Tab()
	return r
}

// slowly is a handler that takes the delay to answer.
func (r *race) slowly(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		r.held.Add(1)
		time.Sleep(delay)
		next.ServeHTTP(w, request)
	}
}

func (r *race) serveOurs(mux *http.ServeMux) {
	r.t.Helper()
	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        r.auth.URL,
		RedirectURI:       r.origin + "/redirect",
		LogoutRedirectURI: r.origin + "/silent-logout",
		LogoutMode:        passport.LogoutSilent,
		SilentFallback:    passport.FallbackReport,
		HTTPClient:        r.auth.Client(),
	})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { assert.NoError(r.t, p.Close(context.Background())) })
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.Handle("POST /logout", r.slowly(http.HandlerFunc(p.Logout)))
	mux.Handle("GET /silent-logout", r.slowly(p.LogoutSilentCallback(r.origin)))
	mux.Handle("GET /passport.js", p.Script())
	mux.HandleFunc("GET /{$}", page(ourPage))
}

func (r *race) serveTheirs(mux *http.ServeMux) {
	r.t.Helper()
	config := sdkConfig(r.auth.URL, r.origin)
	config["logoutRedirectUri"] = r.origin + "/sdk-silent-logout"
	given, err := json.Marshal(config)
	require.NoError(r.t, err)
	mux.HandleFunc("GET /sdk", page(fmt.Sprintf(sdkPage, given)))
	mux.HandleFunc("GET /sdk-redirect", page(fmt.Sprintf(sdkPage, given)))
	mux.Handle("GET /sdk-silent-logout", r.slowly(page(fmt.Sprintf(sdkGoodbye, given))))
	sdk := bundle(r.t)
	mux.HandleFunc("GET /sdk.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Cache-Control", "max-age=31536000, immutable")
		_, _ = w.Write(sdk)
	})
}

// serveGame serves a Go program that shares its session with the JavaScript SDK.
func (r *race) serveGame(mux *http.ServeMux) {
	r.t.Helper()
	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		RedirectURI:       r.origin + "/redirect",
		LogoutRedirectURI: r.origin + "/game-silent-logout",
		LogoutMode:        passport.LogoutSilent,
	})
	require.NoError(r.t, err)
	mux.Handle("GET /game-silent-logout", r.slowly(p.LogoutSilentCallback(r.origin)))
	wasmtest.Handle(r.t, mux, wasmtest.Build(r.t, "github.com/passport-go/passport/internal/browsertest/gametest/testdata/game"))
	config, err := json.Marshal(map[string]any{
		"ClientID":          passporttest.ClientID,
		"AuthDomain":        r.auth.URL,
		"RedirectURI":       r.origin + "/redirect",
		"LogoutRedirectURI": r.origin + "/game-silent-logout",
		"LogoutMode":        passport.LogoutSilent,
		"SilentFallback":    passport.FallbackReport,
	})
	require.NoError(r.t, err)
	mux.HandleFunc("GET /game", page(fmt.Sprintf(gamePage, config)))
}

// signInToGame shows the Go program to a user who has signed in.
func (r *race) signInToGame() {
	r.t.Helper()
	r.signInWithSDK()
	r.tab.Go(r.origin + "/game")
	r.tab.Wait(`window.game`)
	require.Equal(r.t, "alice@example.com", browsertest.Eval[string](r.tab, `game.email()`))
}

func page(html string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(html))
	}
}

func (r *race) signIn() {
	r.t.Helper()
	r.tab.Go(r.origin + "/login")
	r.tab.WaitURL(r.origin + "/")
}

func (r *race) signInWithSDK() {
	r.t.Helper()
	r.tab.Go(r.origin + "/sdk")
	r.tab.Run(`void sdk.login({useRedirectFlow: true, directLoginOptions: {directLoginMethod: "google"}})`)
	r.tab.Wait(`location.pathname === "/sdk-redirect" && window.sdk`)
	browsertest.Eval[bool](r.tab, `sdk.loginCallback().then(() => true)`)
	r.tab.Go(r.origin + "/sdk")
	require.Equal(r.t, "alice@example.com", browsertest.Eval[string](r.tab, `sdk.getUserInfo().then(user => user.email)`))
}

// time returns the milliseconds from a call that logs a user out to its
// completion, once the page that they signed in to has come to rest.
func (r *race) time(signIn func(), logout string, slowness float64) float64 {
	r.t.Helper()
	signIn()
	r.tab.Slow(slowness)
	before := r.held.Load()
	took := browsertest.Eval[float64](r.tab, `(async () => {
		await new Promise(resolve => requestIdleCallback(resolve));
		const start = performance.now();
		await `+logout+`;
		return performance.now() - start;
	})()`)
	r.tab.Slow(1)
	assert.EqualValues(r.t, 3, r.held.Load()-before, "the answers that %s waits for", logout)
	return took
}
