package passport

import (
	"net/http"
	"slices"
	"strings"
)

// What binds logins in progress to their browser is in a cookie that its tabs
// share. Tabs that begin at the same time, when there is none yet, as those of a
// window that is opened again do, get one each. The cookies have names of their
// own: under one name the last answer would undo the other tabs' logins.

// loginTag is how many characters tell the names apart.
const loginTag = 8

// mostLoginCookies is for how many of them a logout asks the store. More come from
// nobody but those who make them up.
const mostLoginCookies = 8

type loginCookie struct {
	name    string
	browser Secret
}

func (p *Passport) loginCookies(r *http.Request) (all []loginCookie) {
	if !slices.ContainsFunc(r.Header["Cookie"], func(line string) bool { return strings.Contains(line, p.cookies.login) }) {
		return nil // as with most logouts, and then nothing need be parsed
	}
	for _, c := range r.Cookies() {
		tag, ok := strings.CutPrefix(c.Name, p.cookies.login+"-")
		if ok && len(tag) == loginTag && plausibleID(c.Value) {
			all = append(all, loginCookie{c.Name, Secret(c.Value)})
		}
	}
	return all
}

// loginCookieFor returns the cookie for the next login of r's browser: one that
// it has, or a new one, which is still empty.
func (p *Passport) loginCookieFor(r *http.Request) loginCookie {
	if all := p.loginCookies(r); len(all) > 0 {
		return all[0]
	}
	return loginCookie{name: p.cookies.login + "-" + newID().Reveal()[:loginTag]}
}

// browserOf returns the cookie's value with which a state was begun, or "".
func (p *Passport) browserOf(r *http.Request, state Secret) Secret {
	for _, c := range p.loginCookies(r) {
		if _, err := p.openState(state, c.browser); err == nil {
			return c.browser
		}
	}
	return ""
}
