package passport

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
)

// Login sends the browser to the auth domain to sign in, and afterwards to the
// path in the request's return_to parameter. For more than that, see
// [Passport.StartLogin].
//
// A signed-in user who follows another site's link to it stays signed in and goes
// straight to return_to, so that no other site can replace a session.
//
// The request's parameter prompt may be login or select_account, for links with which
// users choose another account.
//
// A login leaves the page, which a script's request cannot: see [Passport.StartLogin].
func (p *Passport) Login(w http.ResponseWriter, r *http.Request) {
	if web.IsForeignNavigation(r) && p.maybeSignedIn(r) {
		web.NoStore(w)
		http.Redirect(w, r, web.LocalPath(r.URL.Query().Get("return_to"), p.http.home), http.StatusSeeOther)
		return
	}
	var o LoginOptions
	if prompt := r.URL.Query().Get("prompt"); prompt == "login" || prompt == "select_account" {
		o.Prompt = prompt
	}
	p.StartLogin(w, r, o)
}

// maybeSignedIn reports whether a request has a live session, or one of which the Store
// cannot say that it has ended, inside [Passport.Handler] or without it.
func (p *Passport) maybeSignedIn(r *http.Request) bool {
	if SessionFrom(r.Context()) != nil {
		return true
	}
	_, err := p.Session(p.useOf(r), p.http.sessionID(r))
	return !errors.Is(err, ErrNoSession)
}

// StartLogin is Login with options, for your own handlers: for example, for a
// button for one login method. If o has no ReturnTo, the request's return_to
// parameter is used. It is BeginLogin over HTTP.
//
// Browsers do not let a script follow a redirect to the auth domain (CORS). So an htmx
// request gets HX-Redirect instead, and a fetch gets JSON with the URL that the page has
// to go to:
//
//	const { url } = await (await fetch("/login")).json(); location.assign(url);
//
// From other sites it accepts navigations only (403), because any other request could
// do nothing but fill the browser with cookies.
func (p *Passport) StartLogin(w http.ResponseWriter, r *http.Request, o LoginOptions) {
	web.NoStore(w)
	if web.IsPrefetch(r) {
		p.refuse(w, r, http.StatusServiceUnavailable, errPrefetch)
		return
	}
	if p.http.CheckOwn(r) != nil || web.IsForeignSubrequest(r) {
		p.refuse(w, r, http.StatusForbidden, errCrossOrigin)
		return
	}
	if to := p.http.elsewhere(r); to != "" {
		leaveFor(w, r, to)
		return
	}
	o.ReturnTo = cmp.Or(o.ReturnTo, r.URL.Query().Get("return_to"))
	before := p.BrowserState(r)
	address, after, err := p.BeginLogin(addressed(r), before, o)
	if o.Prompt == "none" {
		p.http.noteLooked(w)
	}
	p.SetBrowserState(w, before, after)
	if err != nil {
		p.refuseLogin(w, r, err, web.LocalPath(o.ReturnTo, ""))
		return
	}
	leaveFor(w, r, address)
}

// startedLogin is what a script is told that begins a login.
type startedLogin struct {
	URL string `json:"url"`
}

// leaveFor has the browser leave the page for an address of another origin.
func leaveFor(w http.ResponseWriter, r *http.Request, to string) {
	switch {
	case web.IsHTMX(r):
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusOK)
	case web.WantsJSON(r):
		web.WriteJSON(w, http.StatusOK, startedLogin{to})
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// LoginCallback is what the app serves at RedirectURI: it finishes the login, gives
// the browser its new session and sends the user on. Reloading the page is
// harmless. Errors go to Config.OnError, but for those of a silent login (Prompt none)
// outside of a frame: its visitor sees the page that they wanted. It is FinishLogin and
// PostedLogout over HTTP.
func (p *Passport) LoginCallback(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	w.Header().Set("Referrer-Policy", "no-referrer") // the URL holds the code
	before, query := p.BrowserState(r), r.URL.Query()
	if query.Has(logoutstate.PostedParam) {
		p.servePostedLogout(w, r, before)
		return
	}
	in, after, err := p.FinishLogin(addressed(r), before, query)
	p.SetBrowserState(w, before, after)
	switch {
	case err == nil:
		http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
	case in.Silent && !web.IsFramed(r):
		p.http.leaveAlone(w, r, in.ReturnTo)
	default:
		p.refuseLogin(w, r, err, in.ReturnTo, p.waysOut(r, before, err)...)
	}
}

// waysOut are links for a login that failed because of a logout that is unfinished.
func (p *Passport) waysOut(r *http.Request, b BrowserState, err error) []pages.Link {
	if !errors.Is(err, ErrNotReauthenticated) {
		return nil
	}
	return p.finishLinks(r, b)
}

// servePostedLogout gives the browser its logout request.
func (p *Passport) servePostedLogout(w http.ResponseWriter, r *http.Request, b BrowserState) {
	if web.IsPrefetch(r) {
		p.refuse(w, r, http.StatusServiceUnavailable, errPrefetch)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		p.refuse(w, r, http.StatusMethodNotAllowed, errMethod)
		return
	}
	to, params, err := p.PostedLogout(r.Context(), b, r.URL.Query())
	if errors.Is(err, ErrNoLogout) {
		http.Redirect(w, r, p.http.home, http.StatusSeeOther) // loaded again: it has been posted
		return
	}
	if err != nil {
		p.refuse(w, r, loginStatus(err), err)
		return
	}
	if params == nil {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	p.c.pages.ServePost(w, r, to, params)
}

// refuseLogin is refuse for a login that would have led to a path of this site, which may
// be empty. The next one leads there, but not to what was to be shown in a frame.
func (p *Passport) refuseLogin(w http.ResponseWriter, r *http.Request, err error, returnTo string, first ...pages.Link) {
	if web.IsFramed(r) {
		returnTo = ""
	}
	p.refuseTo(w, r, loginStatus(err), err, returnTo, first...)
}

// loginStatus is the HTTP status that fits a failed login.
func loginStatus(err error) int {
	var refused *ProviderError
	switch {
	case errors.As(err, new(*SignInRefused)):
		return http.StatusForbidden
	case errors.Is(err, ErrSignIn):
		return http.StatusInternalServerError
	case errors.Is(err, ErrNoLogin):
		return http.StatusBadRequest
	case errors.Is(err, ErrNotReauthenticated), errors.Is(err, ErrNotRecent), errors.Is(err, ErrInsufficientACR):
		return http.StatusForbidden
	case errors.Is(err, ErrStoreUnavailable):
		return http.StatusServiceUnavailable
	case errors.Is(err, errNoRedirectURI), errors.Is(err, ErrLoginLoop):
		return http.StatusInternalServerError
	case errors.As(err, &refused):
		return providerStatus(refused)
	}
	return http.StatusBadGateway
}

// providerStatus is the HTTP status that fits a provider's refusal. 502 is for its own
// faults alone: some proxies replace that page by one of theirs, which says nothing of
// what the user, or the program's owner, can do.
func providerStatus(refused *ProviderError) int {
	switch code := refused.Code; {
	case refused.tookTooLong():
		return http.StatusBadRequest
	case refused.Status >= 500 || code == "server_error":
		return http.StatusBadGateway
	case refused.Status == http.StatusTooManyRequests || code == "temporarily_unavailable":
		return http.StatusServiceUnavailable
	case strings.HasSuffix(code, "_required"): // prompt=none, OpenID Connect Core 1.0 §3.1.2.6
		return http.StatusUnauthorized
	case code == "invalid_grant": // a code that was used, or is too old
		return http.StatusBadRequest
	case slices.Contains(configurationErrors, code):
		return http.StatusInternalServerError
	case refused.Status != 0:
		return http.StatusBadGateway
	case code == "": // nothing that a provider says
		return http.StatusBadRequest
	}
	return http.StatusForbidden // access_denied, and providers' own words for it
}

// configurationErrors are refusals that no user can do anything about (RFC 6749
// §4.1.2.1, §5.2; OpenID Connect Core 1.0 §3.1.2.6).
var configurationErrors = []string{
	"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_client",
	"unsupported_grant_type", "invalid_request_uri", "invalid_request_object", "request_not_supported",
	"request_uri_not_supported", "registration_not_supported", "invalid_target",
}

const (
	// silentLoginPause is how long a browser is not sent to the provider again.
	silentLoginPause = 10 * time.Minute

	// silentLoginWait bounds how long a page waits for a provider that has to be asked
	// first: to be discovered, or to take the request (RFC 9126).
	silentLoginWait = 2 * time.Second

	lookedMark = "1"  // what the cookie says
	probeMark  = "00" // what it says before, of another length, so that it is not taken for the other

	// What is in the address of a page to which SilentLogin has sent a browser once more,
	// with a cookie: to be at the right host, and to see whether cookies come back.
	probedHost    = "passport_probe=host"
	probedCookies = "passport_probe=cookies"

	// The same after a silent login that has failed, if the cookie that says so has not
	// come back. Some proxies let cookies through by name, or only the last one of a
	// response.
	probedLogin = "passport_probe=login"
)

// noteLooked has SilentLogin leave the browser alone for a while.
func (d *httpDriver) noteLooked(w http.ResponseWriter) {
	web.SetCookies(w, []string{d.Lasting(d.looked, lookedMark, silentLoginPause)})
}

// leaveAlone sends a browser back to its page after a silent login that has failed, once
// and for all.
func (d *httpDriver) leaveAlone(w http.ResponseWriter, r *http.Request, page string) {
	if d.Get(r, d.looked, len(lookedMark)) == "" {
		d.noteLooked(w)
		page = withProbe(page, probedLogin)
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
}

// SilentLogin is middleware that signs in visitors who are already signed in at the
// provider, for example through another program of yours. A navigation without a
// session is sent to the provider once, with prompt=none, so that the visitor is asked
// nothing, and comes back to the same page, signed in or not. It then leaves the browser
// alone for ten minutes, so there is no loop. All other requests are passed on: those of
// scripts and programs, those of browsers without Fetch Metadata, those for addresses of
// more than 1000 bytes, and those after an unfinished logout, because otherwise the user
// would be signed straight back in. A session that has ended otherwise, by EndSessions or
// Config.IdleTimeout, begins anew while the provider knows the user.
//
// If the provider is down, or answers with a page of its own, the visitor sees that, or the
// browser's error page, instead of yours. Where the SDK has to call a discovered provider
// first, it waits for at most 2 s, and then passes the request on.
//
// A callback of your own sends the visitor of a login that fails to LoginResult.ReturnTo
// if LoginResult.Silent is set.
//
// A browser that brings no cookie of this package, or is at another name of the host than
// RedirectURI's, such as www., is first sent to the same page at RedirectURI's host, with
// the parameter passport_probe. If it keeps no cookies, it then gets the page: its login
// could not finish. A browser that returns to the other host is left alone there for ten
// minutes, but do not wrap pages that exist at that host alone. SilentLogin works inside
// [Passport.Handler] or by itself.
func (p *Passport) SilentLogin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.mayLook(r) {
			next.ServeHTTP(w, r)
			return
		}
		page, probed := withoutProbe(p.http.place.Requested(r))
		probe := p.http.nextProbe(r, probed)
		wasProbed := p.http.Get(r, p.http.looked, len(probeMark)) != ""
		switch {
		case probed == probedLogin, // it has been looked for
			probe == "" && !p.http.keepsCookies(r), // its login could not finish
			probe == probedHost && wasProbed,       // its user is back at a host where no login can
			!canReturnTo(r, page):
			next.ServeHTTP(w, r)
			return
		case probe != "":
			p.http.probe(w, r, page, probe)
			return
		}
		before := p.BrowserState(r)
		ctx, cancel := context.WithTimeout(addressed(r), silentLoginWait)
		defer cancel()
		address, after, err := p.BeginLogin(ctx, before, LoginOptions{Prompt: "none", ReturnTo: page})
		if errors.Is(err, errLoginRequired) {
			next.ServeHTTP(w, r)
			return
		}
		p.http.noteLooked(w)
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		p.SetBrowserState(w, before, after)
		web.NoStore(w)
		http.Redirect(w, r, address, http.StatusSeeOther)
	})
}

// nextProbe is how a browser has to be sent to its page once more before it is known that
// it will bring the cookies of a login back to RedirectURI, after the last probe: "" if
// nothing is left to find out. A proxy may rewrite Host, so that is tried once.
func (d *httpDriver) nextProbe(r *http.Request, last string) string {
	switch {
	case d.host == "" || last == probedCookies:
		return ""
	case last == "" && !strings.EqualFold(r.Host, d.host):
		return probedHost
	case !d.keepsCookies(r):
		return probedCookies
	}
	return ""
}

// keepsCookies reports whether cookies of ours have come back.
func (d *httpDriver) keepsCookies(r *http.Request) bool {
	return d.sessionID(r) != "" || d.bringsOthers(r)
}

// canReturnTo reports whether a login leads back to the page of a request, whatever the
// Store has room for.
func canReturnTo(r *http.Request, page string) bool {
	return len(page) <= loginstate.LongestReturnTo && web.IsLocalPath(r.URL.RequestURI())
}

// probe sends a browser to a page at RedirectURI's host, with a cookie.
func (d *httpDriver) probe(w http.ResponseWriter, r *http.Request, page, probe string) {
	web.SetCookies(w, []string{d.Lasting(d.looked, probeMark, silentLoginPause)})
	web.NoStore(w)
	http.Redirect(w, r, d.origin+withProbe(page, probe), http.StatusSeeOther)
}

// withProbe is the address of a page with the parameter of a probe.
func withProbe(page, probe string) string {
	if strings.Contains(page, "?") {
		return page + "&" + probe
	}
	return page + "?" + probe
}

// withoutProbe returns the address of a page without the parameter of a probe, and the
// probe: "" if there was none.
func withoutProbe(address string) (page, probed string) {
	for _, probe := range []string{probedHost, probedCookies, probedLogin} {
		for _, separator := range []string{"?", "&"} {
			if page, found := strings.CutSuffix(address, separator+probe); found {
				return page, probe
			}
		}
	}
	return address, ""
}

// mayLook reports whether a request is the loading of a page by a visitor who is
// not signed in, and who has not been sent to the provider lately.
func (p *Passport) mayLook(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Dest") == "document" && web.IsNavigation(r) &&
		!web.IsPrefetch(r) && !p.http.isOwn(r) && p.http.Get(r, p.http.looked, len(lookedMark)) == "" && !p.maybeSignedIn(r)
}
