package passport

import (
	"net/http"
	"strings"
	"time"
)

// cookies are the three that a browser may hold. Each value is a random id and
// nothing else.
type cookies struct {
	session string // the app session
	login   string // binds logins in progress to the browser that began them
	logout  string // a logout is not known to have ended the Passport session
	secure  bool
}

func newCookies(c *settled) cookies {
	k := cookies{session: c.CookieName, login: c.CookieName + "-login", logout: c.CookieName + "-logout"}
	if k.secure = strings.HasPrefix(c.RedirectURI, "https:"); k.secure {
		for _, name := range []*string{&k.session, &k.login, &k.logout} {
			*name = "__Host-" + *name
		}
	}
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
	http.SetCookie(w, k.cookie(name, value.Reveal(), int(life/time.Second)))
}

// remove deletes a cookie, which takes the attributes that it was set with.
func (k cookies) remove(w http.ResponseWriter, name string) {
	http.SetCookie(w, k.cookie(name, "", -1))
}

func (k cookies) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     "/",
		MaxAge:   maxAge,
		Secure:   k.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}
