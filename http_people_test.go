package passport_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func TestAnHTMXRequestWithoutASessionGoesToTheLogin(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("/part", s.p.RequireLogin(http.HandlerFunc(who)))
	for current, want := range map[string]string{
		s.server.URL + "/page?a=1%202": "/page?a=1%202",
		"https://evil.example/page":    "/",
		s.server.URL + "//evil":        "/",
		"/page":                        "/",
		"":                             "/",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			b := s.browser().stay()
			res := b.do(b.request(method, "/part", nil, "HX-Request", "true", "HX-Current-URL", current))
			assert.Equal(t, "/login?"+url.Values{"return_to": {want}}.Encode(), res.Header.Get("HX-Redirect"), current)
			assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
			assert.Empty(t, res.body)
		}
	}
	signedIn := s.signedIn().get("/part", "HX-Request", "true")
	assert.Equal(t, passporttest.DefaultUser().Subject, signedIn.body)
}

// Middleware that logs or measures goes by the pattern.
func TestMiddlewareAroundHandlerSeesThePattern(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("GET /items/{id}", who)
	s.mux.HandleFunc("GET /broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	patterns := make(chan string, 1)
	plain := s.app
	b := s.signedIn().stay()
	s.app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { patterns <- r.Pattern }()
		plain.ServeHTTP(w, r)
	})
	seen := func(b *browser, method, path string) string {
		res, err := b.Do(b.request(method, path, nil))
		if err == nil {
			_ = res.Body.Close()
		}
		return <-patterns
	}
	stranger := s.browser().stay()
	assert.Equal(t, "GET /items/{id}", seen(stranger, http.MethodGet, "/items/1"))
	assert.Equal(t, "GET /items/{id}", seen(b, http.MethodGet, "/items/1"))
	assert.Equal(t, "GET /broken", seen(b, http.MethodGet, "/broken"), "after a panic too")
	assert.Equal(t, "/logout", seen(b, http.MethodPost, "/logout"))
}

func TestOnlyTheProvidersOwnFaultsAreA502(t *testing.T) {
	s := newSite(t)
	for code, want := range map[string]int{
		"access_denied":             http.StatusForbidden,
		"unauthorized":              http.StatusForbidden, // Auth0, of a user who is blocked
		"login_required":            http.StatusUnauthorized,
		"interaction_required":      http.StatusUnauthorized,
		"invalid_scope":             http.StatusInternalServerError,
		"unauthorized_client":       http.StatusInternalServerError,
		"unsupported_response_type": http.StatusInternalServerError,
		"server_error":              http.StatusBadGateway,
		"temporarily_unavailable":   http.StatusServiceUnavailable,
	} {
		b := s.browser()
		state := b.authorizeRequest("/login").Query().Get("state")
		res := b.get("/redirect?" + url.Values{"state": {state}, "error": {code}}.Encode())
		assert.Equal(t, want, res.StatusCode, code)
	}
	for code, row := range map[string]struct{ status, want int }{
		"invalid_grant":  {400, http.StatusBadRequest},
		"invalid_client": {401, http.StatusInternalServerError},
		"":               {500, http.StatusBadGateway},
	} {
		fresh := newSite(t)
		fresh.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: row.status, Error: code})
		assert.Equal(t, row.want, fresh.browser().get("/login").StatusCode, code)
	}
}

func TestASessionMayEndWithItsBrowser(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("GET /briefly", func(w http.ResponseWriter, r *http.Request) {
		s.p.StartLogin(w, r, passport.LoginOptions{EndsWithBrowser: true})
	})
	for path, briefly := range map[string]bool{"/briefly": true, "/login": false} {
		b := s.browser()
		res := b.stay().get(b.callback(path))
		var session *http.Cookie
		for _, c := range res.Cookies() {
			if c.Name == "passport" {
				session = c
			}
		}
		require.NotNil(t, session, path)
		assert.Equal(t, briefly, session.MaxAge == 0 && session.Expires.IsZero(), "%s: %s", path, session.Raw)
		assert.True(t, session.HttpOnly)
		assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
	}
}
