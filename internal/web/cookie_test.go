package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const length = 43

func plausible(s string) bool {
	return len(s) == length && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// A cookie is found by code of our own, for speed; what net/http's parser finds
// is what counts.
func FuzzCookiesAreFoundAsByNetHTTP(f *testing.F) {
	id := strings.Repeat("a_Z9", 10) + "-xY"
	for _, header := range []string{
		"", "passport=" + id, "a=b; passport=" + id + "; c=d", "passport=" + id + ";c=d", "\tpassport=" + id + " ",
		"passport=;passport=" + id, "Passport=" + id, "xpassport=" + id, "passport-x=" + id, "passport=" + id + "x",
		"passport=" + id[1:], "passport==" + id, "passport", "passport=" + strings.Repeat("é", 21) + "x", ";;; passport=" + id + ";",
	} {
		f.Add(header, "")
		f.Add("x=y", header)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		r := &http.Request{Header: http.Header{"Cookie": {one, two}}}
		got := Cookies{}.Get(r, "passport", length)
		var want string
		for _, c := range r.CookiesNamed("passport") {
			if !c.Quoted && plausible(c.Value) {
				want = c.Value
				break
			}
		}
		assert.Equal(t, want, got)
	})
}

// https://github.com/auth0/nextjs-auth0/issues/2100
func TestNoCacheKeepsAResponseWithCookies(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Cache-Control", "public, max-age=60")
	SetCookies(w, nil)
	assert.Equal(t, "public, max-age=60", w.Header().Get("Cache-Control"), "it sets none")
	SetCookies(w, []string{NewCookies("https").Removal("session")})
	assert.Equal(t, []string{"no-store"}, w.Header()["Cache-Control"])
}

// A cookie is written without net/http, for speed; what its parser reads is what
// counts.
func TestCookiesAreWrittenAsByNetHTTP(t *testing.T) {
	for _, scheme := range []string{"https", "http"} {
		k := NewCookies(scheme)
		w := httptest.NewRecorder()
		id := strings.Repeat("a", length)
		SetCookies(w, []string{k.Lasting("session", id, 30*24*time.Hour+time.Millisecond)})
		SetCookies(w, nil)
		SetCookies(w, []string{k.Removal("logout"), k.Transient("tab", id)})
		for i, want := range []http.Cookie{
			{Name: "session", Value: id, MaxAge: 2_592_000},
			{Name: "logout", MaxAge: -1},
			{Name: "tab", Value: id},
		} {
			want.Path, want.HttpOnly, want.Secure, want.SameSite = "/", true, scheme == "https", http.SameSiteLaxMode
			got, err := http.ParseSetCookie(w.Header()["Set-Cookie"][i])
			require.NoError(t, err)
			got.Raw = ""
			assert.Equal(t, want, *got)
		}
	}
}
