package passporttest_test

import (
	"net/http"
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
	for path, allowed := range map[string]bool{
		"/.well-known/openid-configuration": true,
		"/.well-known/jwks.json":            true,
		"/oauth/token":                      true,
		"/oauth/revoke":                     true,
		"/userinfo":                         true,
		"/authorize":                        false,
		"/v2/logout":                        false,
		"/oidc/logout":                      false,
	} {
		want := ""
		if allowed {
			want = origin
		}
		preflight := fromOrigin(t, auth, http.MethodOptions, path)
		assert.Equal(t, want, preflight.Get("Access-Control-Allow-Origin"), path)
		assert.Equal(t, allowed, preflight.Get("Access-Control-Allow-Headers") == "authorization,x-custom", path)
		assert.Equal(t, allowed, preflight.Get("Access-Control-Allow-Methods") == "GET, POST", path)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			assert.Equal(t, want, fromOrigin(t, auth, method, path).Get("Access-Control-Allow-Origin"), path)
		}
	}
	for _, r := range auth.Requests() {
		assert.NotEqual(t, http.MethodOptions, r.Method, "preflight requests are not recorded")
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
