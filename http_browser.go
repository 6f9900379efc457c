package passport

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/internal/web"
)

// httpDriver is what the handlers know: how a browser carries its BrowserState, and
// where it comes back.
type httpDriver struct {
	session string // the names of the cookies
	login   string // followed by a character of its own for each binding
	logout  string
	looked  string // set while SilentLogin leaves the browser alone
	again   string // counts logins that have led to no session
	others  string // what all but the session's begin with

	web.Cookies             // Get, Lasting, Transient, Removal, Life
	noSession        string // the line that deletes the session's
	logoutAttributes string // what follows the value of the logout's, until it is finished

	web.Origins           // Admit, Allow, AnswerPreflight, CheckOwn, IsForeign
	callbackOrigin string // of LogoutRedirectURI

	place  web.Place
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
	scheme, _, _ := strings.Cut(cmp.Or(c.RedirectURI, "https:"), ":")
	d := httpDriver{
		session: c.CookieName,
		login:   c.CookieName + "-login",
		logout:  c.CookieName + "-logout",
		looked:  c.CookieName + "-looked",
		again:   c.CookieName + "-again",
		Cookies: web.NewCookies(scheme),

		place:      c.place,
		home:       c.HomePath,
		loginAt:    c.LoginPath,
		logoutPath: c.place.LocalOf(c.LogoutPath),
	}
	if scheme == "https" {
		for _, name := range []*string{&d.session, &d.login, &d.logout, &d.looked, &d.again} {
			*name = "__Host-" + *name
		}
	}
	d.others, d.noSession, d.logoutAttributes = d.session+"-", d.Removal(d.session), d.Life(logoutstate.Life)
	d.paths = []string{c.place.LocalOf(c.LoginPath), d.logoutPath}
	if u, err := url.Parse(c.RedirectURI); err == nil && c.RedirectURI != "" {
		d.loginReturn = c.place.Local(u.Path)
		d.origin = authdomain.OriginOf(u)
		_, d.host, _ = strings.Cut(d.origin, "://")
	}
	d.Origins = web.NewOrigins(d.origin, c.TrustedOrigins)
	u, err := url.Parse(c.LogoutRedirectURI)
	if err != nil || c.LogoutRedirectURI == "" {
		return d
	}
	d.callbackOrigin = authdomain.OriginOf(u)
	if c.LogoutMode == LogoutSilent {
		d.paths = append(d.paths, c.place.Local(u.Path))
	}
	if c.LogoutMode == LogoutRedirect { // else LogoutSilentCallback is served there, which looks itself
		d.logoutReturn, d.logoutReturnURI = c.place.Local(u.Path), u.EscapedPath()
	}
	return d
}

// BrowserState reads a browser's state from its cookies, for your own handlers that
// use the methods without HTTP instead of the handlers of this package.
func (p *Passport) BrowserState(r *http.Request) BrowserState {
	b := BrowserState{Session: p.http.sessionID(r)}
	if !p.http.bringsOthers(r) {
		return b
	}
	b.Logins = p.http.bindings(r)
	b.again, _ = strconv.Atoi(p.http.Get(r, p.http.again, 1)) // 0 if there is none
	b.againAt = p.c.Now()                                     // or earlier; the cookie is there for as long as it counts
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
// header is written, even if the method returned an error. If there are any, it sets
// Cache-Control: no-store, because no other browser may get this response. If it is
// another session now, or none, it also sets Clear-Site-Data, so that no link leads to a
// page that the browser has fetched beforehand (speculation rules) for the session before.
//
//	before := p.BrowserState(r)
//	in, after, err := p.FinishLogin(r.Context(), before, r.URL.Query())
//	p.SetBrowserState(w, before, after)
func (p *Passport) SetBrowserState(w http.ResponseWriter, before, after BrowserState) {
	d := &p.http
	lines := make([]string, 0, 2) // of a logout
	switch {
	case after.Session == before.Session:
	case after.Session == "":
		lines = append(lines, d.noSession)
	case after.endsWithBrowser:
		lines = append(lines, d.Transient(d.session, after.Session.Reveal()))
	default:
		lines = append(lines, d.Lasting(d.session, after.Session.Reveal(), cmp.Or(after.remember, p.c.SessionLifetime)))
	}
	for _, binding := range before.Logins {
		if !slices.Contains(after.Logins, binding) {
			lines = append(lines, d.Removal(d.bindingName(binding)))
		}
	}
	for _, binding := range after.Logins {
		if binding == after.begun || !slices.Contains(before.Logins, binding) {
			lines = append(lines, d.Lasting(d.bindingName(binding), binding.Reveal(), loginstate.Life))
		}
	}
	switch {
	case after.Logout == before.Logout && after.LogoutFinished == before.LogoutFinished:
	case after.Logout == "":
		lines = append(lines, d.Removal(d.logout))
	case after.LogoutFinished:
		lines = append(lines, d.Lasting(d.logout, after.Logout.Reveal()+finishedMark, loginstate.Life))
	default:
		lines = append(lines, d.logout+"="+after.Logout.Reveal()+d.logoutAttributes)
	}
	switch {
	case after.again == before.again:
	case after.again == 0:
		lines = append(lines, d.Removal(d.again))
	default:
		lines = append(lines, d.Lasting(d.again, strconv.Itoa(after.again), againLife))
	}
	web.SetCookies(w, lines)
	if after.Session != before.Session {
		web.ClearPrepared(w)
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
	for _, c := range r.Cookies() {
		if len(all) < loginstate.MostBindings && len(c.Value) == records.IDLength && c.Name == d.bindingName(Secret(c.Value)) {
			all = append(all, Secret(c.Value))
		}
	}
	return all
}

// bringsOthers reports whether a request may have a cookie of ours beside the session's.
// Most have none, and then nothing need be parsed.
func (d *httpDriver) bringsOthers(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Cookie"], func(line string) bool { return strings.Contains(line, d.others) })
}

// isOwn reports whether a request is for one of this package's own handlers. A
// callback may share its path with a page. It goes by the path that the browser has
// asked for: /login below an http.StripPrefix of the program's own is another page.
func (d *httpDriver) isOwn(r *http.Request) bool {
	path := d.place.RequestedPath(r)
	if slices.Contains(d.paths, path) {
		return true
	}
	query := r.URL.Query()
	return path == d.loginReturn && (query.Has("state") || query.Has(logoutstate.PostedParam))
}

// isLogout reports whether a request is for Config.LogoutPath.
func (d *httpDriver) isLogout(r *http.Request) bool {
	return d.place.Local(r.URL.Path) == d.logoutPath
}

// isLogoutReturn reports whether a request is for LogoutRedirectURI, if Handler has to
// look at it there. It may be below an http.StripPrefix that BaseURL does not know.
func (d *httpDriver) isLogoutReturn(r *http.Request) bool {
	return d.logoutReturn != "" &&
		(d.place.Local(r.URL.Path) == d.logoutReturn || web.PathOf(r.RequestURI) == d.logoutReturnURI)
}

// tidyReturn takes our parameter out of the address that the user sees.
func (d *httpDriver) tidyReturn(w http.ResponseWriter, r *http.Request) {
	to := d.place.Requested(r)
	if u, err := url.Parse(to); err == nil {
		query := u.Query()
		query.Del(authdomain.ReturnParam)
		u.RawQuery = query.Encode()
		to = u.String()
	}
	web.NoStore(w)
	http.Redirect(w, r, web.LocalPath(to, d.home), http.StatusSeeOther)
}

// hostParam is in the address of a login that was sent here from another host.
const hostParam = "passport_host"

// elsewhere returns the address at RedirectURI's host of a login that the user is
// about to begin at another name of it, such as www. or 127.0.0.1: the cookies of
// that name would not come back. It is "" if the host is right, or if the login has
// been sent on before: then a proxy rewrites Host.
func (d *httpDriver) elsewhere(r *http.Request) string {
	if !web.IsNavigation(r) && !web.IsByScript(r) || r.URL.Query().Has(hostParam) || d.host == "" || strings.EqualFold(r.Host, d.host) {
		return ""
	}
	u, err := url.Parse(d.place.Requested(r))
	if err != nil {
		return ""
	}
	query := u.Query()
	query.Set(hostParam, "1")
	u.RawQuery = query.Encode()
	return d.origin + u.String()
}

// loginFor is the address of the login that comes back to a path.
func (d *httpDriver) loginFor(returnTo string) string {
	return d.loginAt + "?" + url.Values{"return_to": {returnTo}}.Encode()
}

// loginAgain is the address of another login, with a prompt, which may be empty, that
// comes back to a path; "" is home.
func (d *httpDriver) loginAgain(returnTo, prompt string) string {
	query := url.Values{}
	if prompt != "" {
		query.Set("prompt", prompt)
	}
	if returnTo != "" && returnTo != d.home {
		query.Set("return_to", returnTo)
	}
	if len(query) == 0 {
		return d.loginAt
	}
	return d.loginAt + "?" + query.Encode()
}

// htmxPage is the page that an htmx request was made from: a part of a page is no place
// to come back to.
func (d *httpDriver) htmxPage(r *http.Request) string {
	page, err := url.Parse(r.Header.Get("HX-Current-URL"))
	if err != nil || page.Host == "" || page.Host != r.Host && page.Host != d.host {
		return d.home
	}
	return web.LocalPath(page.RequestURI(), d.home)
}

// addressed is the context of a request with its address, for events: that of the
// connection, if the program has not set one.
func addressed(r *http.Request) context.Context {
	return &addressedContext{r.Context(), r.RemoteAddr}
}

// addressedContext reads the address when somebody asks.
type addressedContext struct {
	context.Context
	connection string // http.Request.RemoteAddr
}

func (c *addressedContext) Value(key any) any {
	if key != (remoteAddrKey{}) {
		return c.Context.Value(key)
	}
	if set := c.Context.Value(key); set != nil && set != "" {
		return set
	}
	host, _, err := net.SplitHostPort(c.connection)
	if err != nil {
		host = c.connection // of a Unix socket, say
	}
	return text.Line(host, maxRemoteAddr)
}

// RequestFilter decides about a request, for Config.CountsAsUse.
type RequestFilter func(r *http.Request) bool

// useOf is the context in which the session of a request is looked up.
func (p *Passport) useOf(r *http.Request) context.Context {
	if p.c.CountsAsUse == nil || p.c.CountsAsUse(r) {
		return r.Context()
	}
	return WithoutUse(r.Context())
}
