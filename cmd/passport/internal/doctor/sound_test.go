package doctor

import (
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// A sound deployment, wherever it stands, gives no finding.
func TestASoundDeploymentGivesNoFinding(t *testing.T) {
	confidential := func(c *passport.Config) { c.ClientSecret = clientSecret }
	discovered := func(c *passport.Config) { c.Discover = true }
	below := func(c *passport.Config) {
		c.BaseURL = c.RedirectURI[:len(c.RedirectURI)-len("/redirect")] + "/shop"
		c.RedirectURI = c.BaseURL + "/redirect"
		c.LogoutRedirectURI = c.BaseURL + "/signed-out"
	}
	for name, d := range map[string]deployment{
		"redirect mode":         {},
		"silent mode":           {mode: passport.LogoutSilent},
		"https":                 {mode: passport.LogoutSilent, secure: true},
		"a confidential client": {config: confidential},
		"another provider":      {config: discovered},
		"another provider that asks before a logout": {config: discovered, auth: passporttest.Options{ConfirmLogout: true}},
		"silent mode at another provider":            {mode: passport.LogoutSilent, config: discovered},
		"a provider that takes pushed requests alone": {
			config: func(c *passport.Config) { discovered(c); confidential(c) }, auth: passporttest.Options{RequirePushedRequests: true},
		},
		"below a prefix": {config: below, routes: func(r *routes) { r.prefix = "/shop" }},
		"below a prefix that the proxy takes off": {config: below, front: func(next http.Handler) http.Handler {
			return http.StripPrefix("/shop", next)
		}},
		"a page of another origin that signs out": {config: func(c *passport.Config) {
			c.TrustedOrigins = []string{"http://127.0.0.1:5173"}
		}},
		"the provider on the same host": {oneHost: true},
		"a logout URI without a path": {
			config:   func(c *passport.Config) { c.LogoutRedirectURI = strings.TrimSuffix(c.LogoutRedirectURI, "/signed-out") },
			register: func(c *passporttest.Client) { c.LogoutURLs = []string{c.LogoutURLs[0] + "/", c.LogoutURLs[0]} },
		},
		"a strict policy": {program: withHeader("Content-Security-Policy", "default-src 'self'; form-action 'self' http://127.0.0.1:*")},
		"responses that a cache has kept": {proxy: func(p *httputil.ReverseProxy) {
			p.ModifyResponse = func(r *http.Response) error {
				r.Header.Set("Date", time.Now().Add(-3*time.Minute).UTC().Format(http.TimeFormat))
				r.Header.Set("Age", "180")
				r.Header.Set("Vary", "Cookie")
				return nil
			}
		}},
		"everything for users alone": {routes: func(r *routes) {
			r.home = http.RedirectHandler("/login", http.StatusSeeOther)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := d.start(t)
			assert.Empty(t, r.examine(t).Findings)
			assert.Empty(t, r.auth.Incidents())
			assert.Empty(t, r.auth.Logins(), "nobody signs in")
		})
	}
}

// withHeader sets a header of all the program's pages, as middleware does.
func withHeader(name, value string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(name, value)
			next.ServeHTTP(w, r)
		})
	}
}
