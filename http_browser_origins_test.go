package passport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

const spa = "https://app.example.com"

// newAPI is a site that the pages of spa may ask.
func newAPI(t *testing.T) *site {
	s := newSite(t, func(c *passport.Config) { c.TrustedOrigins = []string{spa, "HTTPS://Admin.example.com:443/"} })
	s.mux.HandleFunc("/session", s.p.SessionInfo)
	s.app = s.p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/logout" && r.Method != http.MethodPost { // as with "POST /logout" in a ServeMux
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		s.mux.ServeHTTP(w, r)
	}))
	return s
}

// from are the headers of a script's request by a page of an origin.
func from(origin, site string, more ...string) []string {
	return append([]string{"Origin", origin, "Sec-Fetch-Site", site, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, more...)
}

// cors are the headers with which a response lets another origin in.
func cors(res answer) (origin, credentials string) {
	return res.Header.Get("Access-Control-Allow-Origin"), res.Header.Get("Access-Control-Allow-Credentials")
}

func TestATrustedOriginMayAskWhoIsSignedIn(t *testing.T) {
	s := newAPI(t)
	b := s.signedIn()
	for _, origin := range []string{spa, "https://admin.example.com"} {
		res := b.get("/session", from(origin, "same-site")...)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		allowed, credentials := cors(res)
		assert.Equal(t, origin, allowed)
		assert.Equal(t, "true", credentials)
		assert.Contains(t, res.Header.Values("Vary"), "Origin")
		info := s.json(res)
		assert.Equal(t, true, info["signed_in"])
		assert.Equal(t, passporttest.DefaultUser().Subject, info["profile"].(map[string]any)["sub"])
	}
	nobody := s.browser().get("/session", from(spa, "same-site")...)
	assert.JSONEq(t, `{"signed_in":false}`, nobody.body)
	assert.Contains(t, b.get("/session").body, `"signed_in":true`, "a page of this site, in an old browser")
	assert.Contains(t, b.get("/session", "Sec-Fetch-Site", "same-origin").body, `"signed_in":true`)
}

func TestATrustedOriginMayLogOut(t *testing.T) {
	s := newAPI(t)
	b := s.signedIn()
	res := b.logout(from(spa, "same-site")...)
	assert.Equal(t, http.StatusOK, res.StatusCode)
	allowed, credentials := cors(res)
	assert.Equal(t, spa, allowed)
	assert.Equal(t, "true", credentials)
	assert.Equal(t, "redirect", s.json(res)["mode"])
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestEverybodyElseStaysOut(t *testing.T) {
	s := newAPI(t)
	b := s.signedIn()
	for origin, fetchSite := range map[string]string{
		"https://evil.example":            "cross-site",
		"https://other.example.com":       "same-site",
		"http://app.example.com":          "cross-site",
		"https://app.example.com:8443":    "same-site",
		"https://app.example.com.evil.io": "cross-site",
		"https://APP.example.com":         "same-site", // no browser writes it so
		"null":                            "cross-site",
	} {
		for _, header := range [][]string{from(origin, fetchSite), {"Origin", origin}} {
			res := b.get("/session", header...)
			assert.Equal(t, http.StatusForbidden, res.StatusCode, origin)
			assert.NotContains(t, res.body, passporttest.DefaultUser().Subject, origin)
			assert.Contains(t, res.Header.Values("Vary"), "Origin", "a cache must not mix them up")
			out := b.logout(header...)
			assert.Equal(t, http.StatusForbidden, out.StatusCode, origin)
			for _, res := range []answer{res, out, preflight(b, "/session", origin, "GET"), preflight(b, "/logout", origin, "POST")} {
				allowed, credentials := cors(res)
				assert.Empty(t, allowed+credentials, origin)
			}
		}
	}
	for _, path := range []string{"/", "/login", "/page"} {
		allowed, _ := cors(b.get(path, from(spa, "same-site")...))
		assert.Empty(t, allowed, "%s is not the trusted origin's to read", path)
	}
	assert.NotEqual(t, "nobody", b.get("/").body)
}

func preflight(b *browser, path, origin, method string) answer {
	return b.do(b.request(http.MethodOptions, path, nil,
		"Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "content-type,x-requested-with"))
}

func TestPreflightsOfTrustedOriginsAreAnswered(t *testing.T) {
	s := newAPI(t)
	for path, method := range map[string]string{"/logout": "POST", "/session": "GET"} {
		res := preflight(s.browser(), path, spa, method)
		assert.Equal(t, http.StatusNoContent, res.StatusCode, path)
		allowed, credentials := cors(res)
		assert.Equal(t, spa, allowed)
		assert.Equal(t, "true", credentials)
		assert.Equal(t, method, res.Header.Get("Access-Control-Allow-Methods"))
		assert.Equal(t, "content-type,x-requested-with", res.Header.Get("Access-Control-Allow-Headers"))
		assert.Contains(t, strings.Join(res.Header.Values("Vary"), ", "), "Origin, Access-Control-Request-Method")
	}
}

func TestASiteWithoutTrustedOriginsSaysNothingOfOrigins(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("/session", s.p.SessionInfo)
	b := s.signedIn()
	for _, res := range []answer{b.get("/session"), b.get("/session", from(spa, "same-site")...), preflight(b, "/logout", spa, "POST")} {
		allowed, credentials := cors(res)
		assert.Empty(t, allowed+credentials)
		assert.NotContains(t, strings.Join(res.Header.Values("Vary"), ", "), "Origin")
	}
}

func TestTrustedOriginsAreExact(t *testing.T) {
	for _, origin := range []string{"*", "null", "", "https://*.example.com", "https://app.example.com/path", "http://app.example.com", "https://"} {
		_, err := passport.New(passport.Config{ClientID: "id", RedirectURI: "https://api.example.com/redirect", TrustedOrigins: []string{origin}})
		assert.ErrorContains(t, err, "Config.TrustedOrigins", origin)
	}
}

// A preflight has no cookies, and cannot have: it is answered, and nothing behind
// RequireLogin is reached.
func TestAPreflightIsNoStranger(t *testing.T) {
	s := newSite(t)
	reached := false
	s.mux.Handle("/private", s.p.RequireLogin(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })))
	res := preflight(s.browser(), "/private", spa, "PUT")
	assert.Equal(t, http.StatusNoContent, res.StatusCode)
	allowed, _ := cors(res)
	assert.Empty(t, allowed, "it is the program's to allow")
	assert.False(t, reached)
	plain := s.browser()
	assert.Equal(t, http.StatusUnauthorized, plain.do(plain.request(http.MethodOptions, "/private", nil)).StatusCode)
}
