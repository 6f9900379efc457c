package passport

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		got := cookies{}.get(r, "passport")
		var want Secret
		for _, c := range r.CookiesNamed("passport") {
			if !c.Quoted && plausibleID(c.Value) {
				want = Secret(c.Value)
				break
			}
		}
		assert.Equal(t, want.Reveal(), got.Reveal())
	})
}

func TestPlausibleIDsAreOfOurAlphabetAndLength(t *testing.T) {
	id := newID().Reveal()
	assert.True(t, plausibleID(id))
	assert.False(t, plausibleID(id[1:]))
	assert.False(t, plausibleID(id+"A"))
	for c := range 256 {
		ours := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
		for _, at := range []int{0, 20, idLength - 1} {
			assert.Equal(t, ours, plausibleID(id[:at]+string([]byte{byte(c)})+id[at+1:]), "%q at %d", c, at)
		}
	}
}

// A cookie is written without net/http, for speed; what its parser reads is what
// counts.
func TestCookiesAreWrittenAsByNetHTTP(t *testing.T) {
	for _, uri := range []string{"https://app.example.com/redirect", "http://localhost:3000/redirect"} {
		k := benchPassport(t, func(c *Config) { c.RedirectURI = uri }).cookies
		w := httptest.NewRecorder()
		id := newID()
		k.set(w, k.session, id, 30*24*time.Hour+time.Millisecond)
		k.remove(w, k.logout)
		secure := uri[:5] == "https"
		for i, want := range []http.Cookie{
			{Name: k.session, Value: id.Reveal(), MaxAge: 2_592_000},
			{Name: k.logout, MaxAge: -1},
		} {
			want.Path, want.HttpOnly, want.Secure, want.SameSite = "/", true, secure, http.SameSiteLaxMode
			got, err := http.ParseSetCookie(w.Header()["Set-Cookie"][i])
			require.NoError(t, err)
			got.Raw = ""
			assert.Equal(t, want, *got)
		}
	}
}
