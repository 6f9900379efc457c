package jssdk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/browsertest/wasmtest"
	"github.com/passport-go/passport/passporttest"
)

// A Go program and the JavaScript SDK itself, in one page, have one session: each
// finds the user whom the other has signed in, and signs them out.
func TestEnginesShareASessionOfTheJavaScriptSDKAndAGoProgram(t *testing.T) {
	browsertest.InEngines(t, shareASession)
}

func shareASession(t *testing.T, e browsertest.Engine) {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: "auth.localhost", TLS: true})
	t.Cleanup(auth.Close)
	origin := serveBoth(t, auth)
	profile := e.OpenLight(t)
	tab, other := profile.Tab(), profile.Tab()

	// The JavaScript SDK signs in, the Go program signs out.
	tab.Go(origin + "/")
	tab.Wait(`window.game`)
	tab.Run(`void sdk.login({useRedirectFlow: true, directLoginOptions: {directLoginMethod: "google"}})`)
	tab.Wait(`location.pathname === "/sdk-redirect" && window.game`)
	browsertest.Eval[bool](tab, `sdk.loginCallback().then(() => true)`)
	tab.Go(origin + "/")
	tab.Wait(`window.game`)
	require.Equal(t, "alice@example.com", browsertest.Eval[string](tab, `game.email()`))
	assert.Equal(t, browsertest.Eval[string](tab, `sdk.getAccessToken()`), browsertest.Eval[string](tab, `game.accessToken()`))
	assert.Equal(t, "done", browsertest.Eval[map[string]any](tab, `game.logout()`)["app"])
	assert.True(t, browsertest.Eval[bool](tab, `sdk.getUserInfo().then(user => !user)`))
	assert.Empty(t, auth.RefreshTokens(passporttest.Live), "the refresh token that the JavaScript SDK was given")

	// The Go program signs in, the JavaScript SDK signs out; another tab learns
	// of it.
	tab.Run(`void game.login("/")`)
	tab.Wait(`location.pathname === "/go-redirect" && window.game`)
	browsertest.Eval[any](tab, `game.callback()`)
	tab.Go(origin + "/")
	tab.Wait(`window.game`)
	require.Equal(t, "alice@example.com", browsertest.Eval[string](tab, `sdk.getUserInfo().then(user => user.email)`))
	other.Go(origin + "/")
	other.Wait(`window.game`)
	for _, here := range []*browsertest.Tab{tab, other} {
		here.Run(`window.ended = game.ended()`)
		require.Equal(t, "alice@example.com", browsertest.Eval[string](here, `game.email()`)) // it has looked
	}
	assert.Equal(t, "resolved", browsertest.Eval[string](tab, `sdk.logout().then(() => "resolved", e => e.message)`))
	begun := time.Now()
	for _, here := range []*browsertest.Tab{tab, other} {
		assert.True(t, browsertest.Eval[bool](here, `ended`))
		assert.Equal(t, passport.ErrNoSession.Error(), browsertest.Eval[string](here, `game.email().catch(e => e.message)`))
	}
	assert.Less(t, time.Since(begun), 10*time.Second, "they notice; to look again takes 15 s")
	assert.Empty(t, auth.RefreshTokens(passporttest.Live))
}

// serveBoth starts a site with both in its pages.
func serveBoth(t *testing.T, auth *passporttest.Server) (origin string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	origin = strings.Replace(server.URL, "127.0.0.1", "app.localhost", 1)
	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		RedirectURI:       origin + "/go-redirect",
		LogoutRedirectURI: origin + "/silent-logout",
		LogoutMode:        passport.LogoutSilent,
	})
	require.NoError(t, err)
	mux.Handle("GET /silent-logout", p.LogoutSilentCallback(origin))
	wasmtest.Handle(t, mux, wasmtest.Build(t, "github.com/passport-go/passport/internal/browsertest/gametest/testdata/game"))

	config, err := json.Marshal(sdkConfig(auth.URL, origin))
	require.NoError(t, err)
	game, err := json.Marshal(map[string]any{
		"ClientID":          passporttest.ClientID,
		"AuthDomain":        auth.URL,
		"RedirectURI":       origin + "/go-redirect",
		"LogoutRedirectURI": origin + "/silent-logout",
		"LogoutMode":        passport.LogoutSilent,
		"RevocationWait":    time.Minute,
	})
	require.NoError(t, err)
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>both</title><body><script src="/sdk.js"></script>
			<script>window.sdk = new Passport(%s); window.config = %s</script>
			<script src="/wasm/wasm_exec.js"></script><script src="/wasm/run.js"></script>`, config, game)
	}
	for _, path := range []string{"/{$}", "/sdk-redirect", "/go-redirect"} {
		mux.HandleFunc("GET "+path, page)
	}
	sdk := bundle(t)
	mux.HandleFunc("GET /sdk.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(sdk)
	})
	return origin
}
