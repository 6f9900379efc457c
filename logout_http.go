package passport

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/storage"
)

// Logout ends the session of the browser that asks, deletes its cookie, and
// answers in kind:
//
//   - a fetch (Accept: application/json) gets JSON with the mode, the URL that
//     the browser must visit and the outcome so far, as passport.js reads it;
//   - an htmx request gets HX-Redirect to that URL;
//   - a form gets a 303 to that URL or, in silent mode, a page that visits it
//     in a hidden iframe and then goes to the form's return_to, a path of this
//     site (default: the page that the form was on).
//
// It takes POST only (but see Config.LogoutByGET), and refuses requests that
// other origins make. A user who is not signed in is no error: the browser
// visits the URL all the same. It does not wait for the revocation. A login that
// the browser is just finishing in another tab ends with ErrNoLogin.
//
// If the Store cannot answer, the status is 503 and App is failed; the cookie
// is deleted and the URL is given even so.
func (p *Passport) Logout(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	if status, err := p.mayLogOut(r); err != nil {
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		p.refuse(w, r, status, err)
		return
	}
	l := p.newLogout()
	var debt storage.Revocation
	var guard Secret
	if secret := p.cookies.get(r, p.cookies.session); secret != "" {
		var err error
		if l, debt, err = p.endOwn(r.Context(), secret, EventLogout); err != nil {
			p.c.Logger.ErrorContext(r.Context(), "passport: a logout could not end the app session yet", "error", err)
		}
		if l.App == OutcomeDone {
			p.revoker.pay(debt)
			tellRemoved(r.Context(), secret, debt.Record)
			guard = newGuard(debt.Record.SID)
		}
	}
	if l.App != OutcomeFailed {
		p.stopLogins(r)
	}
	if guard == "" { // not signed in: maybe it is the same logout once more
		if guard = p.cookies.get(r, p.cookies.logout); guard == "" {
			guard = newID()
		}
	}
	p.sendTo(r.Context(), &l, debt.Record, guard)
	p.cookies.remove(w, p.cookies.session)
	p.cookies.set(w, p.cookies.logout, guard, guardLife)
	p.answerLogout(w, r, l)
}

// mayLogOut refuses what a user of this site did not ask for.
func (p *Passport) mayLogOut(r *http.Request) (status int, err error) {
	switch {
	case isPrefetch(r):
		return http.StatusServiceUnavailable, errPrefetch
	case r.Method == http.MethodPost:
		if err := p.crossOrigin.Check(r); err != nil {
			return http.StatusForbidden, fmt.Errorf("%w: %w", errCrossOrigin, err)
		}
		return 0, nil
	case r.Method == http.MethodGet && p.c.LogoutByGET:
		if !ownNavigation(r) {
			return http.StatusForbidden, errCrossOrigin
		}
		return 0, nil
	}
	return http.StatusMethodNotAllowed, errMethod
}

// ownNavigation reports whether the browser itself says that a GET is the
// loading of a page, asked for by this origin or by the user (a bookmark, the
// address bar), and not by another site (W3C Fetch Metadata §2).
func ownNavigation(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "same-origin" || site == "none") &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document"
}

func (p *Passport) answerLogout(w http.ResponseWriter, r *http.Request, l Logout) {
	a := pages.Answer{
		Mode:       string(l.Mode),
		URL:        l.URL,
		App:        string(l.App),
		Revocation: string(l.Revocation),
		Passport:   string(l.Passport),
	}
	if l.Mode == LogoutSilent {
		a.Callback = p.callbackOrigin
		a.Timeout = p.c.SilentTimeout.Milliseconds()
		a.Fallback = string(p.c.SilentFallback)
	}
	status := http.StatusOK
	if l.App == OutcomeFailed {
		status = http.StatusServiceUnavailable
	}
	switch {
	case wantsJSON(r):
		a.ReturnTo = p.returnTo(w, r)
		writeJSON(w, status, a)
	case isHTMX(r):
		w.Header().Set("HX-Redirect", l.URL)
		w.WriteHeader(status) // htmx follows it whatever the status
	case l.Mode == LogoutSilent:
		a.ReturnTo = either(p.returnTo(w, r), "/")
		if err := pages.ServeSilent(w, a, p.postedTo(r.Context(), l)...); err != nil {
			p.refuse(w, r, http.StatusInternalServerError, err)
		}
	case l.App == OutcomeFailed:
		pages.Message{
			Status: status,
			Title:  "You are signed out in this browser",
			Text:   "The session itself could not be ended yet, and will be as soon as possible. Your Passport session is still open.",
			Links:  []pages.Link{{URL: l.URL, Text: "Sign out of Passport"}, {URL: "/", Text: "Go to the start page"}},
		}.Serve(w)
	default:
		http.Redirect(w, r, l.URL, http.StatusSeeOther)
	}
}

// returnTo is where the user goes after a logout by form: the form's return_to,
// or else the page that the form was on; "" if there is neither.
func (p *Passport) returnTo(w http.ResponseWriter, r *http.Request) string {
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	}
	if to := r.PostFormValue("return_to"); isLocalPath(to) {
		return to
	}
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || from.Path == r.URL.Path {
		return ""
	}
	return localPath(from.RequestURI(), "")
}

// LogoutSilentCallback is what the app serves at LogoutRedirectURI in silent
// mode. parentURL is the URL of the page that begins the logout, such as
// http://localhost:3000. In the hidden iframe the page tells the parent, and no
// other origin, that the logout came back, and whether the Passport session is
// known to have ended. Opened at top level it goes on to parentURL. It also
// completes a silent logout that the JavaScript SDK began.
//
// Like http.ServeMux.Handle it panics if it is set up wrongly: if parentURL is
// not an absolute http or https URL.
func (p *Passport) LogoutSilentCallback(parentURL string) http.Handler {
	page, err := pages.NewCallback(parentURL)
	if err == nil {
		_, err = authdomain.ParseHTTP(parentURL)
	}
	if err != nil {
		panic("passport: LogoutSilentCallback: parentURL: " + err.Error() + "; pass the URL of the page that begins the logout, such as http://localhost:3000")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := p.noticeReturn(w, r)
		if !done && p.cookies.get(r, p.cookies.logout) != "" {
			done = !p.guarded(r) // a logout token was quicker
		}
		page.Serve(w, done)
	})
}

// Script serves passport.js, which gives a page passport.logout(), for
// Config.LogoutPath, and handles <form data-passport-logout>. It has no
// dependencies and needs nothing but script-src 'self'.
func (p *Passport) Script() http.Handler { return pages.Script(p.c.LogoutPath) }
