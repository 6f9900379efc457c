package passporttest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// metadata is what a browser sends beside a request.
func metadata(h http.Header) []string {
	return []string{h.Get("Sec-Fetch-Site"), h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest"), h.Get("Sec-Fetch-User"), h.Get("Origin")}
}

func TestTheBrowserSendsFetchMetadata(t *testing.T) {
	auth := start(t, passporttest.Options{Host: "auth.localhost"})
	const own = "http://auth.localhost"
	for name, c := range map[string]struct {
		method string
		header http.Header
		want   []string
	}{
		"typed":                  {"GET", nil, []string{"none", "navigate", "document", "?1", ""}},
		"a form":                 {"POST", nil, []string{"same-origin", "navigate", "document", "?1", auth.URL}},
		"a link of another site": {"GET", http.Header{"Referer": {"http://app.localhost/"}}, []string{"cross-site", "navigate", "document", "?1", ""}},
		"a form of another site": {"POST", http.Header{"Referer": {"http://app.localhost/"}}, []string{"cross-site", "navigate", "document", "?1", "http://app.localhost"}},
		"of a sibling":           {"GET", http.Header{"Referer": {"http://x.auth.localhost/"}}, []string{"same-site", "navigate", "document", "?1", ""}},
		"of another scheme":      {"GET", http.Header{"Referer": {"https://auth.localhost/"}}, []string{"cross-site", "navigate", "document", "?1", ""}},
		"of another port":        {"GET", http.Header{"Referer": {own + ":1/"}}, []string{"same-site", "navigate", "document", "?1", ""}},
		"an iframe": {"GET", http.Header{"Referer": {"http://app.localhost/"}, "Sec-Fetch-Dest": {"iframe"}},
			[]string{"cross-site", "navigate", "iframe", "", ""}},
		"a script": {"GET", http.Header{"Accept": {"application/json"}}, []string{"same-origin", "cors", "empty", "", ""}},
		"a WebSocket": {"GET", http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}},
			[]string{"same-origin", "websocket", "websocket", "", auth.URL}},
		"htmx":      {"POST", http.Header{"Hx-Request": {"true"}}, []string{"same-origin", "cors", "empty", "", auth.URL}},
		"a page":    {"GET", http.Header{"Accept": {"text/html,*/*;q=0.8"}}, []string{"none", "navigate", "document", "?1", ""}},
		"a sandbox": {"POST", http.Header{"Origin": {"null"}}, []string{"cross-site", "navigate", "document", "?1", "null"}},
		"another's, by its Origin": {"POST", http.Header{"Origin": {"https://evil.example"}},
			[]string{"cross-site", "navigate", "document", "?1", "https://evil.example"}},
		"a test's own": {"GET", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}},
			[]string{"same-origin", "cors", "empty", "", ""}},
	} {
		before := len(auth.Requests())
		req, err := http.NewRequest(c.method, auth.URL+"/userinfo", nil)
		require.NoError(t, err)
		if c.header != nil {
			req.Header = c.header
		}
		resp, err := auth.Browser().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, c.want, metadata(auth.Requests()[before].Header), name)
	}
}

// Sec-Fetch-Site covers the redirects on the way.
func TestFetchMetadataKnowsTheWay(t *testing.T) {
	for host, want := range map[string]string{"127.0.0.1": "same-site", "auth.localhost": "cross-site"} {
		auth := start(t, passporttest.Options{AutoLogin: true, Host: host})
		var seen []string
		mux := http.NewServeMux()
		var app *httptest.Server
		mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Header.Get("Sec-Fetch-Site"))
			query := url.Values{"client_id": {passporttest.ClientID}, "returnTo": {app.URL + "/bye"}}
			http.Redirect(w, r, auth.URL+"/v2/logout?"+query.Encode(), http.StatusSeeOther)
		})
		mux.HandleFunc("GET /bye", func(_ http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin"))
		})
		app = httptest.NewServer(mux)
		t.Cleanup(app.Close)
		resp, err := auth.Browser().PostForm(app.URL+"/logout", nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, []string{"same-origin", want, ""}, seen)
		assert.Equal(t, want, auth.Requests("/v2/logout")[0].Header.Get("Sec-Fetch-Site"))
	}
}

// With it, a program sees that the logout has come back from the auth domain.
func TestALogoutIsSeenToBeDone(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true})
	var p *passport.Passport
	mux := http.NewServeMux()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.Handler(mux).ServeHTTP(w, r) }))
	t.Cleanup(app.Close)
	var err error
	p, err = passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        auth.URL,
		RedirectURI:       app.URL + "/redirect",
		LogoutRedirectURI: app.URL + "/",
		HTTPClient:        auth.Client(),
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close(t.Context())) }()
	unfinished := false
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /", func(_ http.ResponseWriter, r *http.Request) {
		_, unfinished = p.UnfinishedLogout(r.Context(), p.BrowserState(r))
	})

	browser := auth.Browser()
	for _, visit := range []func() (*http.Response, error){
		func() (*http.Response, error) { return browser.Get(app.URL + "/login") },
		func() (*http.Response, error) { return browser.PostForm(app.URL+"/logout", nil) },
		func() (*http.Response, error) { return browser.Get(app.URL + "/") },
	} {
		resp, err := visit()
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	assert.Empty(t, auth.Sessions())
	assert.False(t, unfinished)
}

// A program that is served by https has cookies that http has not.
func TestTheBrowserTrustsAProgramServedByHTTPS(t *testing.T) {
	for _, o := range []passporttest.Options{{}, {TLS: true}} {
		app := httptest.NewTLSServer(http.NotFoundHandler())
		t.Cleanup(app.Close)
		auth := start(t, o)
		auth.Trust(app.Certificate())
		for _, address := range []string{app.URL, auth.URL} {
			resp, err := auth.Browser().Get(address)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
	}
}
