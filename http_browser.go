package passport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/web"
)

// httpDriver is what the handlers know: how a browser carries its BrowserState, and
// where it comes back.
type httpDriver struct {
	session string // the names of the cookies
	login   string // followed by a character of its own for each binding
	logout  string
	looked  string // set while SilentLogin leaves the browser alone
	web.Cookies

	crossOrigin    *http.CrossOriginProtection
	fromTrusted    *http.CrossOriginProtection // the same, with trustedOrigins let in
	trustedOrigins []string
	callbackOrigin string // of LogoutRedirectURI

	place  place
	origin string // of RedirectURI, and so of the program
	host   string // the same without the scheme

	home, loginAt string // as browsers see them

	// Paths below the place.
	logoutPath   string
	logoutReturn string   // of LogoutRedirectURI, for Handler to watch
	loginReturn  string   // of RedirectURI
	paths        []string // of this package's own handlers, as far as the Config names them

	logoutReturnURI string // the path of LogoutRedirectURI as it is written there
}

func newHTTPDriver(c *config) httpDriver {
	scheme, _, _ := strings.Cut(either(c.RedirectURI, "https:"), ":")
	d := httpDriver{
		session:     c.CookieName,
		login:       c.CookieName + "-login",
		logout:      c.CookieName + "-logout",
		looked:      c.CookieName + "-looked",
		Cookies:     web.NewCookies(scheme),
		crossOrigin: http.NewCrossOriginProtection(),
		fromTrusted: http.NewCrossOriginProtection(),

		trustedOrigins: c.TrustedOrigins,

		place:      c.place,
		home:       c.HomePath,
		loginAt:    c.LoginPath,
		logoutPath: c.place.localOf(c.LogoutPath),
	}
	if scheme == "https" {
		for _, name := range []*string{&d.session, &d.login, &d.logout, &d.looked} {
			*name = "__Host-" + *name
		}
	}
	d.paths = []string{c.place.localOf(c.LoginPath), d.logoutPath}
	if u, err := url.Parse(c.RedirectURI); err == nil && c.RedirectURI != "" {
		d.loginReturn = c.place.local(u.Path)
		d.origin = authdomain.OriginOf(u)
		_, d.host, _ = strings.Cut(d.origin, "://")
		// Behind a proxy that rewrites Host, the request does not say where it is.
		_ = d.crossOrigin.AddTrustedOrigin(d.origin)
		_ = d.fromTrusted.AddTrustedOrigin(d.origin)
	}
	for _, origin := range c.TrustedOrigins {
		_ = d.fromTrusted.AddTrustedOrigin(origin)
	}
	u, err := url.Parse(c.LogoutRedirectURI)
	if err != nil || c.LogoutRedirectURI == "" {
		return d
	}
	d.callbackOrigin = authdomain.OriginOf(u)
	if c.LogoutMode == LogoutSilent {
		d.paths = append(d.paths, c.place.local(u.Path))
	}
	if c.LogoutMode == LogoutRedirect { // else LogoutSilentCallback is served there, which looks itself
		d.logoutReturn, d.logoutReturnURI = c.place.local(u.Path), u.EscapedPath()
	}
	return d
}

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
			d.Set(w, d.bindingName(binding), binding.Reveal(), loginLife)
		}
	}
	switch {
	case after.Logout == before.Logout && after.LogoutFinished == before.LogoutFinished:
	case after.Logout == "":
		d.Remove(w, d.logout)
	case after.LogoutFinished:
		d.Set(w, d.logout, after.Logout.Reveal()+finishedMark, loginLife)
	default:
		d.Set(w, d.logout, after.Logout.Reveal(), logoutstate.Life)
	}
}

func (d *httpDriver) sessionID(r *http.Request) Secret {
	return Secret(d.Get(r, d.session, idLength))
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
		if len(all) < mostLogins && plausibleID(c.Value) && c.Name == d.bindingName(Secret(c.Value)) {
			all = append(all, Secret(c.Value))
		}
	}
	return all
}
