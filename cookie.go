package passport

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cookies are the names of those that a browser may hold. Each value is a random
// id and nothing else.
type cookies struct {
	session string // the app session
	login   string // binds logins in progress to the browser that began them; see loginCookie
	logout  string // a logout is not known to have ended the Passport session

	attributes string // of all, but for Max-Age
}

func newCookies(c *settled) cookies {
	k := cookies{session: c.CookieName, login: c.CookieName + "-login", logout: c.CookieName + "-logout"}
	secure := strings.HasPrefix(c.RedirectURI, "https:")
	if secure {
		for _, name := range []*string{&k.session, &k.login, &k.logout} {
			*name = "__Host-" + *name
		}
	}
	empty := http.Cookie{Name: "name", Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	k.attributes = strings.TrimPrefix(empty.String(), "name=")
	return k
}

// get returns a cookie's value if it can be one of ours: such a value needs no
// unquoting, so the first that is plausible is found without net/http's parser,
// which is a third of the cost of looking a session up.
func (k cookies) get(r *http.Request, name string) Secret {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			pair = strings.Trim(pair, " \t")
			value, ok := strings.CutPrefix(pair, name)
			if ok && len(value) == 1+idLength && value[0] == '=' && plausibleID(value[1:]) {
				return Secret(value[1:])
			}
		}
	}
	return ""
}

// set gives the browser a cookie. SameSite is Lax, for with Strict the return
// from the auth domain would arrive without it (OAuth 2.0 for Browser-Based
// Applications §6.1.3.2).
func (k cookies) set(w http.ResponseWriter, name string, value Secret, life time.Duration) {
	k.write(w, name, value.Reveal(), life)
}

// remove deletes a cookie, which takes the attributes that it was set with.
func (k cookies) remove(w http.ResponseWriter, name string) { k.write(w, name, "", 0) }

// write does without http.SetCookie, which takes longer than the removal of a
// session from the store, for it checks each time what a name and an ID of ours
// always are.
func (k cookies) write(w http.ResponseWriter, name, value string, life time.Duration) {
	age := strconv.FormatInt(int64(life/time.Second), 10)
	w.Header().Add("Set-Cookie", name+"="+value+"; Max-Age="+age+k.attributes)
}
