package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// spaHost is of the same site as appHost, and another origin.
const spaHost = "spa." + appHost

// TestAnAppOnAnotherOrigin runs the script of docs/single-page-apps.md: it signs in and,
// in both modes, out at a back end on a sibling origin.
func TestAnAppOnAnotherOrigin(t *testing.T) {
	for _, mode := range []passport.LogoutMode{passport.LogoutRedirect, passport.LogoutSilent} {
		t.Run(string(mode), func(t *testing.T) {
			spa, auth := appAndAPI(t, mode)
			tab := Open(t, Blocked).Tab()
			tab.Go(spa + "/inventory")
			tab.Wait(`window.me?.signed_in`) // by way of the login
			assert.Equal(t, spa+"/inventory", tab.URL())
			assert.Equal(t, "alice@example.com", Eval[string](tab, `me.profile.email`))
			require.Len(t, auth.Sessions(), 1)

			if mode == passport.LogoutRedirect {
				tab.Run(`window.stay = true; void signOut()`)
				tab.Wait(`!window.stay`)
			} else {
				got := Eval[outcome](tab, settle(`signOut()`))
				assert.Equal(t, "silent", got.Mode, got)
				assert.Equal(t, "done", got.Passport, "auth domain and callback are of the same site")
				assert.Equal(t, spa+"/inventory", tab.URL())
			}
			assert.Eventually(t, func() bool { return len(auth.Sessions()) == 0 }, patience, 10*time.Millisecond)
		})
	}
}

// appAndAPI serves the page and its back end, and an auth domain of the same site that
// signs Alice in once.
func appAndAPI(t *testing.T, mode passport.LogoutMode) (spa string, auth *passporttest.Server) {
	t.Helper()
	auth = passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: "auth." + appHost})
	t.Cleanup(auth.Close)
	back, front := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	t.Cleanup(back.Close)
	t.Cleanup(front.Close)
	at := func(s *httptest.Server, host string) string {
		return strings.Replace("http://"+s.Listener.Addr().String(), "127.0.0.1", host, 1)
	}
	api, spa := at(back, appHost), at(front, spaHost)
	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        auth.URL,
		RedirectURI:       api + "/redirect",
		LogoutRedirectURI: api + "/signed-out",
		LogoutMode:        mode,
		SilentTimeout:     patience,
		SilentFallback:    passport.FallbackReport,
		TrustedOrigins:    []string{spa},
		HTTPClient:        auth.Client(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(context.Background())) })

	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("/session", p.SessionInfo)
	mux.Handle("GET /passport.js", p.Script())
	if mode == passport.LogoutSilent {
		mux.Handle("GET /signed-out", p.LogoutSilentCallback(spa))
	} else {
		mux.Handle("GET /signed-out", http.RedirectHandler(spa+"/bye", http.StatusSeeOther))
	}
	mux.HandleFunc("GET /app/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, spa+strings.TrimPrefix(r.URL.EscapedPath(), "/app"), http.StatusSeeOther)
	})
	back.Config.Handler = p.Handler(mux)
	page := spaPage(t, api)
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path != "/bye" {
			_, _ = fmt.Fprint(w, page)
		}
	})
	back.Start()
	front.Start()
	return spa, auth
}

// spaPage is the page with the document's script.
func spaPage(t *testing.T, api string) string {
	t.Helper()
	document, err := os.ReadFile("../../docs/single-page-apps.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(document), "## On another origin")
	require.True(t, found)
	script := regexp.MustCompile("(?s)```js\n(.*?)```").FindStringSubmatch(section)
	require.NotNil(t, script)
	code := strings.ReplaceAll(script[1], "https://api.example.com", api)
	require.Contains(t, code, api)
	return `<!doctype html><title>app</title><script src="` + api + `/passport.js" defer></script>
<script type="module">` + code + `
Object.assign(window, {me, signOut});</script>`
}
