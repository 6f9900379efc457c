// Package jssdk runs the JavaScript SDK itself, as published on npm, in a page
// whose callback is ours.
package jssdk

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

	"github.com/evanw/esbuild/pkg/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/npmtest"
	"github.com/passport-go/passport/passporttest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// The message of our callback ends the JavaScript SDK's silent logout, and what
// it does not know is known here: whether the Passport session has ended.
func TestJavaScriptSDKLogsOutThroughOurCallback(t *testing.T) {
	sdk := bundle(t)
	for _, in := range []struct {
		name    string
		cookies browsertest.Cookies
		auth    string
		ends    bool
	}{
		{"cross-site, third-party cookies blocked", browsertest.Blocked, "auth.localhost", false},
		{"cross-site, third-party cookies allowed", browsertest.Allowed, "auth.localhost", true},
		{"same site", browsertest.Blocked, "auth.app.localhost", true},
	} {
		t.Run(in.name, func(t *testing.T) {
			auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: in.auth, TLS: true})
			t.Cleanup(auth.Close)
			site := serve(t, auth, sdk)

			tab := browsertest.Open(t, in.cookies).Tab()
			signIn(tab, site)
			require.Equal(t, "alice@example.com", browsertest.Eval[string](tab, `sdk.getUserInfo().then(user => user.email)`))
			require.Len(t, auth.Sessions(), 1)

			tab.Run(`window.setTimeout = (timer => (f, ms, ...args) => ms < 10000 ? timer(f, ms, ...args) : 0)(setTimeout)`)
			assert.Equal(t, "resolved", browsertest.Eval[string](tab, `sdk.logout().then(() => "resolved", e => e.message)`),
				"by the message, for which it waits 10 s that never pass")
			assert.Empty(t, browsertest.Eval[[]string](tab, `Object.keys(localStorage).filter(key => key.startsWith("oidc.user:"))`))
			assert.Equal(t, in.ends, len(auth.Sessions()) == 0)
			tab.Wait(`document.querySelectorAll("iframe").length === 0`)
		})
	}
}

// signIn signs the user in with the JavaScript SDK.
func signIn(tab *browsertest.Tab, site string) {
	tab.Go(site + "/sdk")
	tab.Run(`void sdk.login({useRedirectFlow: true, directLoginOptions: {directLoginMethod: "google"}})`)
	tab.Wait(`location.pathname === "/sdk-redirect" && window.sdk`)
	browsertest.Eval[bool](tab, `sdk.loginCallback().then(() => true)`)
	tab.Go(site + "/sdk")
}

// serve starts a site with the JavaScript SDK in its pages, on app.localhost,
// and returns its origin. It is https, because the SDK insists on that for the
// auth domain, and browsers take http and https for two sites.
func serve(t *testing.T, auth *passporttest.Server, sdk []byte) string {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	origin := strings.Replace(server.URL, "127.0.0.1", "app.localhost", 1)

	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        auth.URL,
		RedirectURI:       origin + "/redirect",
		LogoutRedirectURI: origin + "/silent-logout",
		LogoutMode:        passport.LogoutSilent,
		HTTPClient:        auth.Client(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(context.Background())) })
	mux.Handle("GET /silent-logout", p.LogoutSilentCallback(origin))

	config, err := json.Marshal(sdkConfig(auth.URL, origin))
	require.NoError(t, err)
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>sdk</title><body><script src="/sdk.js"></script>
			<script>window.sdk = new Passport(%s)</script>`, config)
	}
	mux.HandleFunc("GET /sdk", page)
	mux.HandleFunc("GET /sdk-redirect", page)
	mux.HandleFunc("GET /sdk.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(sdk)
	})
	return origin
}

// sdkConfig is what the JavaScript SDK is told on a site, with an auth domain.
func sdkConfig(auth, origin string) map[string]any {
	return map[string]any{
		"baseConfig":        map[string]string{"environment": "sandbox", "publishableKey": "pk_imapik-test-passporttest"},
		"clientId":          passporttest.ClientID,
		"redirectUri":       origin + "/sdk-redirect",
		"logoutRedirectUri": origin + "/silent-logout",
		"logoutMode":        "silent",
		"audience":          "platform_api",
		"scope":             "openid offline_access email transact",
		// The SDK takes all of these or none.
		"overrides": map[string]string{
			"authenticationDomain":   auth,
			"passportDomain":         auth,
			"magicPublishableApiKey": "none",
			"magicProviderId":        "none",
			"zkEvmRpcUrl":            auth,
			"relayerUrl":             auth,
			"indexerMrBasePath":      auth,
			"orderBookMrBasePath":    auth,
			"passportMrBasePath":     auth,
		},
	}
}

// bundle returns the JavaScript SDK as one script that sets window.Passport. It
// installs the package on first use: package-lock.json pins every byte of it. The script
// is built once for all tests, which takes the race detector seconds.
func bundle(t testing.TB) []byte {
	t.Helper()
	npmtest.Install(t, ".")
	result := built()
	require.Empty(t, result.Errors)
	require.Len(t, result.OutputFiles, 1)
	return result.OutputFiles[0].Contents
}

var built = sync.OnceValue(func() api.BuildResult {
	return api.Build(api.BuildOptions{
		Stdin: &api.StdinOptions{
			Contents:   `import { Passport } from "@imtbl/passport"; window.Passport = Passport;`,
			ResolveDir: ".",
		},
		Bundle:   true,
		Format:   api.FormatIIFE,
		Platform: api.PlatformBrowser,
		Define:   map[string]string{"global": "globalThis", "process.env.NODE_ENV": `"production"`},
		// As small as a site would serve it.
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
	})
})
