package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/examples/internal/run"
	"github.com/passport-go/passport/examples/internal/usertest"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// bundled is bundle, once for all tests: it takes the race detector seconds.
var bundled = sync.OnceValues(func() ([]byte, error) { return bundle(context.Background()) })

// start serves the example, and returns the origins of the page and of the API.
func start(t *testing.T) (app, api string) {
	t.Helper()
	sdk, err := bundled()
	require.NoError(t, err)
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, TLS: true})
	t.Cleanup(auth.Close)
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	backend, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	c := run.Config(origin(listener), auth.URL)
	c.HTTPClient = auth.Client()
	usertest.Serve(t, func(ctx context.Context) error { return serve(ctx, listener, backend, c, sdk) })
	return origin(listener), origin(backend)
}

// call sends a token to the API, as a program does that has a copy of it.
func call(t *testing.T, api, token string, header ...string) (status int, body string, allowed string) {
	t.Helper()
	method := http.MethodGet
	if token == "" {
		method = http.MethodOptions
	}
	r, err := http.NewRequestWithContext(t.Context(), method, api+"/inventory", nil)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	contents, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(contents), res.Header.Get("Access-Control-Allow-Origin")
}

func TestACopiedTokenIsRefusedAfterTheLogout(t *testing.T) {
	app, api := start(t)
	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	shows := func(id, text string) {
		t.Helper()
		tab.Wait(`location.pathname === "/" && document.getElementById("` + id + `")?.textContent === "` + text + `"`)
	}
	tab.Go(app)
	shows("user", "You are not signed in.")
	tab.Click("#login")
	shows("user", "You are "+usertest.Alice+".")
	tab.Click("#inventory")
	want := "The inventory of " + passporttest.DefaultUser().Subject
	shows("answer", want)
	copied := browsertest.Eval[string](tab, `sdk.getIdToken()`)
	status, body, _ := call(t, api, copied)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, want, body)

	tab.Click("#logout")
	shows("user", "You are not signed in.")
	status, _, _ = call(t, api, copied)
	assert.Equal(t, http.StatusUnauthorized, status)

	tab.Click("#login")
	shows("user", "You are "+usertest.Alice+".")
}

func TestOnlyThePageMayCallTheAPIFromABrowser(t *testing.T) {
	app, api := start(t)
	for caller, want := range map[string]string{app: app, "https://evil.example": ""} {
		_, _, allowed := call(t, api, "", "Origin", caller, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
		assert.Equal(t, want, allowed)
	}
}

// Without npm and without the SDK in the cache the example says what is missing.
func TestWithoutNPMItSaysSo(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("PATH", t.TempDir())
	_, err := bundle(t.Context())
	assert.ErrorIs(t, err, exec.ErrNotFound)
	assert.ErrorContains(t, err, "npm is missing: on Debian, apt-get install npm")
}
