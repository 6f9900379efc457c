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

// Set gives the browser a cookie.
func (c Cookies) Set(w http.ResponseWriter, name, value string, life time.Duration) {
	// Without http.SetCookie, which takes longer than the removal of a session from
	// the store, for it checks each time what a name and an id of ours always are.
	var buf [256]byte
	b := append(buf[:0], name...)
	b = append(b, '=')
	b = append(b, value...)
	b = append(b, "; Max-Age="...)
	b = strconv.AppendInt(b, int64(life/time.Second), 10)
	add(w, string(append(b, c.attributes...)))
}

// SetTransient is Set for a cookie that the browser drops when it is closed.
func (c Cookies) SetTransient(w http.ResponseWriter, name, value string) {
	add(w, name+"="+value+c.attributes)
}

func add(w http.ResponseWriter, cookie string) {
	h := w.Header()
	cookies := h["Set-Cookie"]
	if cookies == nil {
		cookies = make([]string, 0, 2) // a logout sets two
	}
	h["Set-Cookie"] = append(cookies, cookie)
}

// Remove deletes a cookie, which takes the attributes that it was set with.
func (c Cookies) Remove(w http.ResponseWriter, name string) { add(w, name+c.removal) }
