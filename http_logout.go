package passport

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
)

// Logout ends the session of the requesting browser, deletes its cookie, and
// answers in the form of the request:
//
//   - a fetch (Accept: application/json) gets JSON with the mode, the URL that
//     the browser must visit and the outcome so far, as passport.js reads it;
//   - an htmx request gets HX-Redirect to that URL;
//   - a form gets a 303 to that URL or, in silent mode, a page that visits it
//     in a hidden iframe and then goes to the form's return_to, a path of this
//     site (default: the page that the form was on).
//
// It takes POST only (but see Config.LogoutByGET), and refuses requests that other
// origins make, except for those of Config.TrustedOrigins. A user who is not signed
// in is not an error: the browser still visits the URL. It is EndBrowserSession
// over HTTP: a login in progress in any tab of the browser fails with ErrNoLogin.
//
// If the Store cannot answer, the status is 503 and App is failed; the cookie
// is deleted and the URL is given even so.
func (p *Passport) Logout(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	if p.http.AnswerPreflight(w, r, http.MethodPost) {
		return
	}
	p.http.Allow(w, r)
	if status, err := p.mayLogOut(r); err != nil {
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		p.refuse(w, r, status, err)
		return
	}
	before := p.BrowserState(r)
	l, after, err := p.EndBrowserSession(r.Context(), before)
	if err != nil {
		p.c.Logger.ErrorContext(r.Context(), "passport: a logout could not end the app session yet", "error", err)
	}
	p.SetBrowserState(w, before, after)
	p.answerLogout(w, r, l)
}

// mayLogOut refuses what a user of this site did not ask for.
func (p *Passport) mayLogOut(r *http.Request) (status int, err error) {
	switch {
	case web.IsPrefetch(r):
		return http.StatusServiceUnavailable, errPrefetch
	case r.Method == http.MethodPost:
		if err := p.http.CheckTrusted(r); err != nil {
			return http.StatusForbidden, fmt.Errorf("%w: %w", errCrossOrigin, err)
		}
		return 0, nil
	case r.Method == http.MethodGet && p.c.LogoutByGET:
		if !web.IsOwnNavigation(r) {
			return http.StatusForbidden, errCrossOrigin
		}
		return 0, nil
	}
	return http.StatusMethodNotAllowed, errMethod
}

func (p *Passport) answerLogout(w http.ResponseWriter, r *http.Request, l Logout) {
	a := pages.Answer{
		Mode:       string(l.Mode),
		URL:        l.URL,
		App:        string(l.App),
		Revocation: string(l.Revocation),
		Passport:   string(l.Passport),

		OtherProvider: p.c.Discover,
	}
	if l.Mode == LogoutSilent {
		a.Callback = p.http.callbackOrigin
		a.Timeout = p.c.SilentTimeout.Milliseconds()
		a.Fallback = string(p.c.SilentFallback)
	}
	status := http.StatusOK
	if l.App == OutcomeFailed {
		status = http.StatusServiceUnavailable
	}
	switch {
	case web.WantsJSON(r):
		a.ReturnTo = p.returnTo(w, r)
		web.WriteJSON(w, status, a)
	case web.IsHTMX(r):
		w.Header().Set("HX-Redirect", l.URL)
		w.WriteHeader(status) // htmx follows it whatever the status
	case l.Mode == LogoutSilent:
		a.ReturnTo = either(p.returnTo(w, r), p.http.home)
		if err := pages.ServeSilent(w, a, p.postedTo(r.Context(), l)...); err != nil {
			p.refuse(w, r, http.StatusInternalServerError, err)
		}
	case l.App == OutcomeFailed:
		p.unendedPage(status, l).Serve(w)
	default:
		http.Redirect(w, r, l.URL, http.StatusSeeOther)
	}
}

// unendedPage tells a user that the Store could not end the session.
func (p *Passport) unendedPage(status int, l Logout) pages.Message {
	service, rest := "Passport", "Your Passport session is still open."
	if p.c.Discover {
		service, rest = "the sign-in service", "You are still signed in at the sign-in service."
	}
	return pages.Message{
		Status: status,
		Title:  "You are signed out in this browser",
		Text:   "The session itself could not be ended yet, and will be as soon as possible. " + rest,
		Links:  []pages.Link{{URL: l.URL, Text: "Sign out of " + service}, {URL: p.http.home, Text: "Go to the start page"}},
	}
}

// returnTo is where the user goes after a logout by form: the form's return_to,
// or else the page that the form was on; "" if there is neither.
func (p *Passport) returnTo(w http.ResponseWriter, r *http.Request) string {
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	}
	if to := r.PostFormValue("return_to"); web.IsLocalPath(to) {
		return to
	}
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host && from.Host != p.http.host || p.http.place.Local(from.Path) == p.http.place.Local(r.URL.Path) {
		return ""
	}
	return web.LocalPath(from.RequestURI(), "")
}

// LogoutSilentCallback is what the app serves at LogoutRedirectURI in silent
// mode. parentURL is the URL of the page that begins the logout, such as
// http://localhost:3000. In the hidden iframe the page tells the parent, and no
// other origin, that the logout came back, and whether the Passport session is
// known to have ended. Opened at top level it goes on to parentURL. It also
// completes a silent logout that the JavaScript SDK began.
//
// embedders are the origins of sites that may embed the parent, such as the
// portals that a game is played in: a browser shows the page only if its
// frame-ancestors name every page around it. Default: none.
//
// It panics if parentURL or an embedder is not an absolute http or https URL.
func (p *Passport) LogoutSilentCallback(parentURL string, embedders ...string) http.Handler {
	page, err := pages.NewCallback(parentURL, embedders...)
	if err == nil {
		_, err = authdomain.ParseHTTP(parentURL)
	}
	if err != nil {
		panic("passport: LogoutSilentCallback: parentURL or an embedder: " + err.Error() + "; pass the URL of the page that begins the logout, such as http://localhost:3000")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outcome, b := p.noticeReturn(w, r)
		done := outcome == OutcomeDone
		if !done && b.Logout != "" {
			_, unfinished := p.UnfinishedLogout(r.Context(), b)
			done = !unfinished // a logout token was quicker
		}
		page.Serve(w, done)
	})
}

// Script serves passport.js, which gives a page passport.logout(), for
// Config.LogoutPath, and handles <form data-passport-logout>. It has no
// dependencies and needs nothing but script-src 'self'.
func (p *Passport) Script() http.Handler { return pages.Script(p.c.LogoutPath) }

// noticeReturn carries CheckLogoutReturn over HTTP.
func (p *Passport) noticeReturn(w http.ResponseWriter, r *http.Request) (Outcome, BrowserState) {
	before := p.BrowserState(r)
	outcome, after := p.CheckLogoutReturn(r.Context(), before, LogoutReturn{Query: r.URL.Query(), Way: p.returnWay(r)})
	p.SetBrowserState(w, before, after)
	return outcome, after
}

// returnWay is how a browser says that it came to LogoutRedirectURI. Sec-Fetch-Site
// covers the whole chain of redirects (W3C Fetch Metadata §2.2): an iframe whose
// chain stayed on one site was given its cookies, and a navigation at top level
// always is.
func (p *Passport) returnWay(r *http.Request) ReturnWay {
	if r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		return ReturnUnknown
	}
	site := r.Header.Get("Sec-Fetch-Site")
	oneSite := site == "same-site" || site == "same-origin" && p.http.callbackOrigin == p.c.authDomain
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "iframe":
		if oneSite {
			return ReturnSameSite
		}
		return ReturnFramed
	case "document":
		if oneSite || site == "cross-site" {
			return ReturnTopLevel
		}
	}
	return ReturnUnknown
}
