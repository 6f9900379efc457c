package passporttest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func TestAnEndpointHasItsMethodsAndNoOthers(t *testing.T) {
	auth := start(t, passporttest.Options{})
	for path, allow := range map[string]string{
		"/.well-known/openid-configuration": "GET, HEAD",
		"/.well-known/jwks.json":            "GET, HEAD",
		"/authorize":                        "GET, HEAD, POST",
		"/oauth/token":                      "POST",
		"/oauth/revoke":                     "POST",
		"/oauth/device/code":                "POST",
		"/userinfo":                         "GET, HEAD, POST",
		"/v2/logout":                        "GET, HEAD",
		"/oidc/logout":                      "GET, HEAD, POST",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS"} {
			req, err := http.NewRequest(method, auth.URL+path, nil)
			require.NoError(t, err)
			resp, err := stopAt(auth.Client()).Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			if strings.Contains(allow, method) {
				assert.NotEqual(t, http.StatusMethodNotAllowed, resp.StatusCode, "%s %s", method, path)
				continue
			}
			assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, "%s %s", method, path)
			assert.Equal(t, allow, resp.Header.Get("Allow"), path)
		}
	}
	resp, err := auth.Client().Get(auth.URL + "/oauth/token/")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestAnswersSayWhatTheyAreAndHowLongTheyMayBeKept(t *testing.T) {
	auth := start(t, passporttest.Options{})
	const kept = "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400"
	for _, c := range []struct{ method, path, contentType, cacheControl string }{
		{"GET", "/.well-known/openid-configuration", "application/json; charset=utf-8", kept},
		{"GET", "/.well-known/jwks.json", "application/json; charset=utf-8", kept},
		{"POST", "/oauth/token", "application/json; charset=utf-8", "no-store"},
		{"POST", "/oauth/revoke", "application/json; charset=utf-8", "no-store"},
		{"POST", "/oauth/device/code", "application/json; charset=utf-8", "no-store"},
		{"GET", "/userinfo", "text/plain; charset=utf-8", "no-store"},
		{"GET", "/authorize", "text/html; charset=utf-8", "no-store"},
		{"GET", "/v2/logout?client_id=x", "text/html; charset=utf-8", "no-store"},
		{"GET", "/nowhere", "text/plain; charset=utf-8", ""},
	} {
		req, err := http.NewRequest(c.method, auth.URL+c.path, nil)
		require.NoError(t, err)
		resp, err := stopAt(auth.Client()).Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, c.contentType, resp.Header.Get("Content-Type"), c.path)
		assert.Equal(t, c.cacheControl, resp.Header.Get("Cache-Control"), c.path)
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), c.path)
	}
}

// RFC 6749 §3.2: no parameter more than once, and none in the URL.
func TestTheTokenEndpointTakesAFormAndEachParameterOnce(t *testing.T) {
	auth := start(t, passporttest.Options{})
	ask := func(contentType, query, form string) string {
		resp, err := auth.Client().Post(auth.URL+"/oauth/token"+query, contentType, strings.NewReader(form))
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(b)
	}
	form := url.Values{"client_id": {passporttest.ClientID}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}}.Encode()
	const isForm = "application/x-www-form-urlencoded"
	assert.Contains(t, ask(isForm, "", form), "invalid_grant")
	assert.Contains(t, ask(isForm, "", form+"&scope=a&scope=b"), "invalid_request")
	assert.Contains(t, ask(isForm, "?"+form, ""), "invalid_request")
	assert.Contains(t, ask("application/json", "", `{"client_id": "`+passporttest.ClientID+`", "grant_type": "refresh_token"}`), "invalid_request")
}

// A page of the auth domain shows in nobody's frame.
func TestPagesMayNotBeFramed(t *testing.T) {
	auth := start(t, passporttest.Options{})
	for _, path := range []string{"/authorize", "/v2/logout?client_id=x", "/v2/logout", "/oidc/logout", "/activate"} {
		resp, err := auth.Client().Get(auth.URL + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, "DENY", resp.Header.Get("X-Frame-Options"), path)
	}
}
