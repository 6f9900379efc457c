package passporttest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

const origin = "http://app.localhost:3000"

func fromOrigin(t *testing.T, auth *passporttest.Server, method, path string) http.Header {
	t.Helper()
	req, err := http.NewRequest(method, auth.URL+path, nil)
	require.NoError(t, err)
	req.Header.Set("Origin", origin)
	if method == http.MethodOptions {
		req.Header.Set("Access-Control-Request-Method", http.MethodPost)
		req.Header.Set("Access-Control-Request-Headers", "authorization,x-custom")
	}
	resp, err := stopAt(auth.Client()).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	return resp.Header
}

func TestScriptsMayCallTheEndpointsThatAnswerWithData(t *testing.T) {
	auth := start(t, passporttest.Options{})
	for path, methods := range map[string]string{
		"/.well-known/openid-configuration": "GET",
		"/.well-known/jwks.json":            "GET",
		"/oauth/token":                      "POST",
		"/oauth/revoke":                     "POST",
		"/oauth/par":                        "POST",
		"/userinfo":                         "GET, POST",
		"/authorize":                        "",
		"/oauth/device/code":                "",
		"/v2/logout":                        "",
		"/oidc/logout":                      "",
		"/nowhere":                          "",
	} {
		wantOrigin, wantHeaders := "", ""
		if methods != "" {
			wantOrigin, wantHeaders = origin, "authorization, content-type, auth0-client"
		}
		preflight := fromOrigin(t, auth, http.MethodOptions, path)
		assert.Equal(t, wantOrigin, preflight.Get("Access-Control-Allow-Origin"), path)
		assert.Equal(t, wantHeaders, preflight.Get("Access-Control-Allow-Headers"), "%s: whatever was asked for", path)
		assert.Equal(t, methods, preflight.Get("Access-Control-Allow-Methods"), path)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			answer := fromOrigin(t, auth, method, path)
			assert.Equal(t, wantOrigin, answer.Get("Access-Control-Allow-Origin"), path)
			assert.Empty(t, answer.Get("Access-Control-Expose-Headers"), path)
			assert.Empty(t, answer.Get("Access-Control-Allow-Credentials"), path)
		}
	}
}

func TestPreflightsAreRecordedWithWhatWillBeRefused(t *testing.T) {
	auth := start(t, passporttest.Options{Clients: []passporttest.Client{
		{ID: "web", RedirectURIs: []string{"https://game.example/redirect"}, WebOrigins: []string{"https://www.game.example"}},
	}})
	for _, c := range []struct{ path, origin, method, headers, refused string }{
		{"/oauth/token", "https://game.example", "POST", "content-type,auth0-client", ""},
		{"/oauth/token", "https://www.game.example", "POST", "", ""},
		{"/oauth/token", "https://game.example:8443", "POST", "", "origin"},
		{"/oauth/token", "http://game.example", "POST", "", "origin"},
		{"/oauth/token", "null", "POST", "", "origin"},
		{"/oauth/token", "http://localhost:3000", "POST", "", "origin"},
		{"/oauth/token", "https://game.example", "PUT", "", "method"},
		{"/.well-known/jwks.json", "https://game.example", "GET", "cache-control", "cache-control"},
		{"/userinfo", "https://game.example", "GET", "authorization, X-Custom", "x-custom"},
		{"/v2/logout", "https://game.example", "GET", "", "endpoint"},
	} {
		before := len(auth.Preflights())
		req, err := http.NewRequest(http.MethodOptions, auth.URL+c.path, nil)
		require.NoError(t, err)
		req.Header.Set("Origin", c.origin)
		req.Header.Set("Access-Control-Request-Method", c.method)
		req.Header.Set("Access-Control-Request-Headers", c.headers)
		resp, err := auth.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusNoContent, resp.StatusCode)
		seen := auth.Preflights()[before:]
		require.Len(t, seen, 1)
		assert.Equal(t, c.path, seen[0].Path)
		assert.Equal(t, c.refused, seen[0].Refused, "%+v", c)
		assert.Equal(t, c.refused != "origin" && c.refused != "endpoint", resp.Header.Get("Access-Control-Allow-Origin") == c.origin)
	}
	assert.Empty(t, auth.Requests(), "a preflight is not the request")
	assert.Len(t, auth.Preflights("/userinfo"), 1)
}

func TestOneClientsOriginReadsNothingOfAnothers(t *testing.T) {
	auth := start(t, passporttest.Options{Clients: []passporttest.Client{
		{ID: "web", RedirectURIs: []string{origin + "/redirect"}}, {ID: "other"},
	}})
	for client, want := range map[string]string{"web": origin, "other": "", "unknown": ""} {
		req, err := http.NewRequest(http.MethodPost, auth.URL+"/oauth/token", strings.NewReader("client_id="+client))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
		resp, err := auth.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.Header.Get("Access-Control-Allow-Origin"), client)
	}
}

func TestAnswersOfFaultsCanBeRead(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Status: 503})
	assert.Equal(t, origin, fromOrigin(t, auth, http.MethodPost, "/oauth/revoke").Get("Access-Control-Allow-Origin"))
}

func TestCORSCanBeTakenAway(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Path: "/oauth/revoke", NoCORS: true, Times: 1})
	assert.Empty(t, fromOrigin(t, auth, http.MethodOptions, "/oauth/revoke").Get("Access-Control-Allow-Origin"))
	assert.Equal(t, origin, fromOrigin(t, auth, http.MethodPost, "/oauth/token").Get("Access-Control-Allow-Origin"))
	headers := fromOrigin(t, auth, http.MethodPost, "/oauth/revoke")
	assert.Empty(t, headers.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, origin, fromOrigin(t, auth, http.MethodPost, "/oauth/revoke").Get("Access-Control-Allow-Origin"))
	assert.Equal(t, origin, fromOrigin(t, auth, http.MethodOptions, "/oauth/revoke").Get("Access-Control-Allow-Origin"))
}
