package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/strictbase64"
)

// Cookies reads and writes cookies whose values are random ids of our own. Such a
// value needs no quoting.
type Cookies struct {
	attributes string // of all, except Max-Age
	removal    string // all that follows the name of a cookie that is deleted
}

// NewCookies returns Cookies with the attribute Secure, or for plain http.
// SameSite is Lax, for with Strict the return from the auth domain would arrive
// without them (OAuth 2.0 for Browser-Based Applications §6.1.3.2).
func NewCookies(scheme string) Cookies {
	empty := http.Cookie{Name: "name", Path: "/", HttpOnly: true, Secure: scheme == "https", SameSite: http.SameSiteLaxMode}
	attributes := strings.TrimPrefix(empty.String(), "name=")
	return Cookies{attributes: attributes, removal: "=; Max-Age=0" + attributes}
}

// IsCookieName reports whether a program may give one of our cookies that name: the
// prefixes that mean something to browsers are ours to add.
func IsCookieName(name string) bool {
	return (&http.Cookie{Name: name, Value: "x"}).Valid() == nil && !strings.HasPrefix(name, "__")
}

// Get returns the first value of a cookie that is as long as it has to be, and of
// the alphabet of our ids; "" if there is none. It does without net/http's parser,
// which is a third of the cost of looking a session up.
func (Cookies) Get(r *http.Request, name string, length int) string {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			value, ok := strings.CutPrefix(trim(pair), name)
			if ok && len(value) == 1+length && value[0] == '=' && strictbase64.IsURL(value[1:]) {
				return value[1:]
			}
		}
	}
	return ""
}

// trim is strings.Trim without spaces and tabs, in half the time.
func trim(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// Lasting is the line that sets a cookie for a time.
func (c Cookies) Lasting(name, value string, life time.Duration) string {
	return name + "=" + value + c.Life(life)
}

// Life is all that follows the value in the line of a cookie that lasts for a time.
func (c Cookies) Life(life time.Duration) string {
	return "; Max-Age=" + strconv.FormatInt(int64(life/time.Second), 10) + c.attributes
}

// Transient is the line that sets a cookie until the browser is closed.
func (c Cookies) Transient(name, value string) string { return name + "=" + value + c.attributes }

// Removal is the line that deletes a cookie. It has the attributes that the cookie was
// set with.
func (c Cookies) Removal(name string) string { return name + c.removal }

// SetCookies adds lines to a response, which keeps the slice. The response is for one
// browser alone: a cache that served it to others would give them its session. It
// replaces what code further out has said of all responses.
func SetCookies(w http.ResponseWriter, lines []string) {
	h := w.Header()
	if before := h["Set-Cookie"]; len(before) > 0 {
		lines = append(before, lines...)
	}
	if len(lines) > 0 {
		h["Set-Cookie"] = lines
		NoStore(w)
	}
}
