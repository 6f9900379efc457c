package passport_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// Whatever cookies a browser sends, a request costs no more than 32 logins.
func TestOfTheLoginsThatABrowserBringsABoundedNumberIsRead(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	s := newSite(t)
	for sent, read := range map[int]int{0: 0, 1: 1, 32: 32, 33: 32, 64: 32} {
		r := httptest.NewRequest("GET", "/redirect", nil)
		for _, first := range alphabet[:sent] {
			r.AddCookie(&http.Cookie{Name: "passport-login-" + string(first), Value: string(first) + strings.Repeat("A", 42)})
		}
		assert.Len(t, s.p.BrowserState(r).Logins, read, "%d cookies", sent)
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

func TestLoginsInProgressDoNotPileUpInTheBrowser(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for range 20 {
		b.authorizeRequest("/login")
	}
	assert.Len(t, b.cookies(), 1)
}

func TestTheSessionCookieHoldsARandomIDAndNothingElse(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	a := b.stay().get(b.callback("/login"))
	var session *http.Cookie
	for _, c := range a.Cookies() {
		if c.Name == "passport" {
			session = c
		}
	}
	require.NotNil(t, session)
	assert.Regexp(t, "^[A-Za-z0-9_-]{43}$", session.Value)
	assert.True(t, session.HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, session.SameSite)
	assert.Equal(t, "/", session.Path)
	assert.Empty(t, session.Domain)
	assert.Equal(t, int((30 * 24 * time.Hour).Seconds()), session.MaxAge)
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	assert.Equal(t, "no-referrer", a.Header.Get("Referrer-Policy"), "the URL holds the code")
}

func TestCookiesOfAnHTTPSSiteAreSecureWithTheHostPrefix(t *testing.T) {
	for _, uri := range []string{"https://app.example.com/redirect", "HTTPS://app.example.com/redirect"} {
		c := least()
		c.RedirectURI = uri
		p := newPassport(t, c)
		w := record(p.Login, "GET", "/login")
		require.Len(t, w.Result().Cookies(), 1)
		login := w.Result().Cookies()[0]
		assert.Regexp(t, "^__Host-passport-login-[A-Za-z0-9_-]$", login.Name, uri)
		assert.True(t, login.Secure && login.HttpOnly, uri)

		w = record(p.Logout, "POST", "/logout")
		for _, cookie := range w.Result().Cookies() {
			assert.True(t, strings.HasPrefix(cookie.Name, "__Host-"), cookie.Name)
			assert.True(t, cookie.Secure && cookie.HttpOnly && cookie.Path == "/" && cookie.Domain == "" && cookie.SameSite == http.SameSiteLaxMode,
				"a browser deletes a cookie only by all of its attributes: %s", cookie)
		}
	}
}

// A callback of the program's own, inside of something that lets its pages be cached.
func TestNoCacheKeepsWhatSetBrowserStateHasSet(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("GET /begin", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		before := s.p.BrowserState(r)
		to, after, err := s.p.BeginLogin(r.Context(), before, passport.LoginOptions{})
		s.p.SetBrowserState(w, before, after)
		assert.NoError(t, err)
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	a := s.browser().stay().get("/begin")
	require.NotEmpty(t, a.Header["Set-Cookie"])
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
}

// What a browser has fetched beforehand was for the session before.
func TestPagesFetchedBeforehandAreClearedWithTheirSession(t *testing.T) {
	s := newSite(t)
	const clear = `"prefetchCache", "prerenderCache"`
	b := s.signedIn()
	assert.Empty(t, b.get("/").Header.Get("Clear-Site-Data"))
	again := b.stay().get(b.callback("/login"))
	assert.Equal(t, clear, again.Header.Get("Clear-Site-Data"), "another session")
	assert.Equal(t, clear, b.stay().logout().Header.Get("Clear-Site-Data"))
}
