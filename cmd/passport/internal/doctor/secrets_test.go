package doctor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// Whatever a provider, a program or a proxy sends back, the report has no secret of the
// configuration, and none of the logins.
func TestNoSecretIsReported(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		said := fmt.Sprint(r.URL.RawQuery, " ", r.Header, " ", r.PostForm)
		w.Header().Set("X-Frame-Options", said)
		w.Header().Set("Cache-Control", said)
		w.Header().Set("Content-Security-Policy", "frame-ancestors "+said+"; form-action "+said)
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp; "+said)
	}
	var seen sync.Map
	for name, d := range map[string]deployment{
		"a program that says what it hears": {
			mode:   passport.LogoutSilent,
			config: func(c *passport.Config) { c.ClientSecret = clientSecret },
			front: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					echo(w, r)
					for _, name := range []string{"state", "nonce", "code_challenge"} {
						if value := r.URL.Query().Get(name); value != "" {
							seen.Store(value, nil)
						}
					}
					next.ServeHTTP(w, r)
				})
			},
		},
		"a program that sends logins elsewhere": {
			proxy: func(p *httputil.ReverseProxy) {
				p.ModifyResponse = func(r *http.Response) error {
					to, err := url.Parse(r.Header.Get("Location"))
					if err == nil && to.Path == "/authorize" {
						r.Header.Set("Location", "https://elsewhere.example/"+to.Query().Get("state")+"?"+to.RawQuery)
					}
					return nil
				}
			},
		},
		"a provider that refuses, and says what": {
			config: func(c *passport.Config) { c.ClientSecret = clientSecret },
			fault: passporttest.Fault{Path: "/oauth/token", Status: 401, Body: `{"error":"invalid_client","error_description":"the secret ` +
				clientSecret + ` is wrong, and the key ` + base64.StdEncoding.EncodeToString(firstKey) + ` too"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := d.start(t)
			report := r.examine(t)
			require.NotEmpty(t, report.Findings)
			printed, err := json.Marshal(report)
			require.NoError(t, err)
			assert.NotContains(t, string(printed), clientSecret)
			assert.NotContains(t, string(printed), base64.StdEncoding.EncodeToString(firstKey))
			for _, request := range r.auth.Requests() {
				for _, name := range []string{"state", "nonce", "code_challenge", "code_verifier"} {
					for _, value := range request.Query[name] {
						seen.Store(value, nil)
					}
				}
			}
			seen.Range(func(value, _ any) bool { return assert.NotContains(t, string(printed), value) })
			assert.False(t, strings.Contains(string(printed), "passport-login-A="), "no cookie with its value")
		})
	}
}
