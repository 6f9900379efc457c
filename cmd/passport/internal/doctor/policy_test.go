package doctor

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What browsers make of a policy (CSP Level 3 §6.7.2).
func TestWhatAPolicyAllows(t *testing.T) {
	page, err := url.Parse("https://app.example.com/page")
	require.NoError(t, err)
	for policy, allowed := range map[string]map[string]bool{
		"default-src 'self'":                                   {"https://auth.example.com": false, "https://app.example.com": true},
		"default-src 'none'; child-src https:":                 {"https://auth.example.com": true, "http://auth.example.com": false},
		"frame-src 'none'; default-src *":                      {"https://auth.example.com": false},
		"frame-src *.example.com":                              {"https://auth.example.com": true, "https://example.com": false, "https://evil-example.com": false},
		"frame-src auth.example.com":                           {"https://auth.example.com": true, "http://auth.example.com": false, "https://auth.example.com:8443": false},
		"frame-src http://auth.example.com":                    {"https://auth.example.com": true},
		"frame-src https://auth.example.com:*":                 {"https://auth.example.com:8443": true},
		"frame-src https://auth.example.com:443/path":          {"https://auth.example.com": true},
		"frame-src HTTPS://AUTH.example.com; frame-src 'none'": {"https://auth.example.com": true},
		"script-src 'none'":                                    {"https://auth.example.com": true},
		"frame-src":                                            {"https://auth.example.com": false},
		"frame-src http://[::1]:3000":                          {"http://[::1]:3000": true, "http://[::1]": false},
	} {
		for origin, want := range allowed {
			assert.Equal(t, want, parsePolicy(policy).allows("frame-src", page, origin), "%s: %s", policy, origin)
		}
	}
	assert.True(t, parsePolicy("default-src 'none'").allows("form-action", page, "https://auth.example.com"), "it has no fallback")
}

func TestEachPolicyCounts(t *testing.T) {
	h := http.Header{"Content-Security-Policy": {"frame-src a.example, form-action b.example", "frame-ancestors c.example", " ; "}}
	all := policiesIn(h)
	require.Len(t, all, 3)
	assert.Equal(t, policy{"form-action": {"b.example"}}, all[1])
	page := policiesOf(response{Response: &http.Response{Header: http.Header{}},
		body: `<META content='frame-src d.example; frame-ancestors e.example' http-equiv=content-security-policy>`})
	assert.Equal(t, []policy{{"frame-src": {"d.example"}}}, page)
}

func TestOtherSites(t *testing.T) {
	for hosts, want := range map[[2]string]bool{
		{"app.example.com", "auth.example.com"}: false,
		{"example.com", "auth.example.com"}:     false,
		{"example.com", "example.org"}:          true,
		{"127.0.0.1", "127.0.0.1"}:              false,
		{"127.0.0.1", "10.0.0.1"}:               true,
		{"[::1]", "[::2]"}:                      true,
		{"localhost", "127.0.0.1"}:              true,
		{"app.localhost", "auth.localhost"}:     true,
		{"APP.example.com.", "x.example.COM"}:   false,
	} {
		assert.Equal(t, want, otherSite(&url.URL{Host: hosts[0]}, &url.URL{Host: hosts[1]}), hosts)
	}
}
