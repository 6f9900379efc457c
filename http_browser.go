package passport

import (
	"net/http"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/records"
)

// BrowserState reads a browser's state from its cookies, for your own handlers that
// use the methods without HTTP instead of the handlers of this package.
func (p *Passport) BrowserState(r *http.Request) BrowserState {
	b := BrowserState{Session: p.http.sessionID(r), Logins: p.http.bindings(r)}
	if state := p.http.Get(r, p.http.logout, logoutstate.Length); state != "" {
		b.Logout = Secret(state)
		return b
	}
	for _, c := range r.CookiesNamed(p.http.logout) {
		if state, ok := strings.CutSuffix(c.Value, finishedMark); ok && logoutstate.Plausible(state) {
			b.Logout, b.LogoutFinished = Secret(state), true
			break
		}
	}
	return b
}

// finishedMark follows the state of a finished logout in its cookie.
const finishedMark = "."

// SetBrowserState writes cookies for what has changed between the BrowserState that
// a browser sent and the one that a method returned. Call it before the response's
// header is written, even if the method returned an error.
//
//	before := p.BrowserState(r)
//	in, after, err := p.FinishLogin(r.Context(), before, r.URL.Query())
//	p.SetBrowserState(w, before, after)
func (p *Passport) SetBrowserState(w http.ResponseWriter, before, after BrowserState) {
	d := &p.http
	switch {
	case after.Session == before.Session:
	case after.Session == "":
		d.Remove(w, d.session)
	case after.endsWithBrowser:
		d.SetTransient(w, d.session, after.Session.Reveal())
	default:
		d.Set(w, d.session, after.Session.Reveal(), p.c.SessionLifetime)
	}
	for _, binding := range before.Logins {
		if !slices.Contains(after.Logins, binding) {
			d.Remove(w, d.bindingName(binding))
		}
	}
	for _, binding := range after.Logins {
		if binding == after.begun || !slices.Contains(before.Logins, binding) {
			d.Set(w, d.bindingName(binding), binding.Reveal(), loginstate.Life)
		}
	}
	switch {
	case after.Logout == before.Logout && after.LogoutFinished == before.LogoutFinished:
	case after.Logout == "":
		d.Remove(w, d.logout)
	case after.LogoutFinished:
		d.Set(w, d.logout, after.Logout.Reveal()+finishedMark, loginstate.Life)
	default:
		d.Set(w, d.logout, after.Logout.Reveal(), logoutstate.Life)
	}
}

func (d *httpDriver) sessionID(r *http.Request) Secret {
	return Secret(d.Get(r, d.session, records.IDLength))
}

// Each binding has a cookie of its own: under one name, of tabs that begin at the
// same time the last response would undo the others' logins. The name ends with the
// binding's first character, so there are never more than 64 of them.

func (d *httpDriver) bindingName(binding Secret) string { return d.login + "-" + binding.Reveal()[:1] }

func (d *httpDriver) bindings(r *http.Request) (all []Secret) {
	if !slices.ContainsFunc(r.Header["Cookie"], func(line string) bool { return strings.Contains(line, d.login) }) {
		return nil // as with most logouts, and then nothing need be parsed
	}
	for _, c := range r.Cookies() {
		if len(all) < loginstate.MostBindings && records.Plausible(c.Value) && c.Name == d.bindingName(Secret(c.Value)) {
			all = append(all, Secret(c.Value))
		}
	}
	return all
}
