package passport

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
// If the Store cannot answer, the status is 503 and App is failed, but the cookie is
// still deleted, and the browser still gets the URL.
func (p *Passport) Logout(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	before := p.BrowserState(r)
	status, err := p.http.Admit(w, r, p.c.LogoutByGET)
	if err != nil {
		p.refuse(w, r, status, err)
		return
	}
	if status != 0 { // a preflight
		return
	}
	l, after, err := p.EndBrowserSession(addressed(r), before)
	if err != nil {
		p.c.Logger.ErrorContext(r.Context(), "passport: a logout could not end the app session yet", "error", err)
	}
	p.SetBrowserState(w, before, after)
	p.answerLogout(w, r, l)
}

func (p *Passport) answerLogout(w http.ResponseWriter, r *http.Request, l Logout) {
	status := http.StatusOK
	if l.App == OutcomeFailed {
		status = http.StatusServiceUnavailable
	}
	forScript := web.WantsJSON(r)
	switch {
	case forScript:
	case web.IsHTMX(r):
		w.Header().Set("HX-Redirect", l.URL)
		w.WriteHeader(status) // htmx follows it whatever the status
		return
	case l.Mode == LogoutSilent:
	case l.App == OutcomeFailed:
		p.c.pages.Serve(w, r, pages.UnconfirmedLogout(status, true, p.c.Discover, l.URL, p.homeLink()))
		return
	default:
		web.SeeOther(w, r, l.URL)
		return
	}
	a := p.logoutAnswer(l)
	a.ReturnTo = p.afterLogout(w, r)
	if forScript {
		web.WriteJSON(w, status, a)
		return
	}
	a.ReturnTo = cmp.Or(a.ReturnTo, p.http.home)
	if err := p.c.pages.ServeSilent(w, r, a, l.via()...); err != nil {
		p.c.Logger.ErrorContext(r.Context(), "passport: a silent logout goes on at top level", "error", err)
		http.Redirect(w, r, l.URL, http.StatusSeeOther)
	}
}

// logoutAnswer is what passport.js has to know of a logout.
func (p *Passport) logoutAnswer(l Logout) pages.Answer {
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
	return a
}

// afterLogout is where the user goes after a logout by form: the form's return_to,
// or else the page that the form was on; "" if there is neither.
func (p *Passport) afterLogout(w http.ResponseWriter, r *http.Request) string {
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	}
	if to := r.PostFormValue("return_to"); web.IsLocalPath(to) {
		return to
	}
	return p.http.place.OtherReferrer(r, p.http.host)
}

// LogoutSilentCallback is what the app serves at LogoutRedirectURI in silent
// mode. parentURL is the URL of the page that begins the logout, such as
// http://localhost:3000. In the hidden iframe the page tells the parent, and no
// other origin, that the logout came back, and whether the Passport session is
// known to have ended. Opened at top level it goes on to parentURL. It also
// completes a silent logout that the JavaScript SDK, or a program with package browser
// at parentURL, began.
//
// embedders are the origins of sites that may embed the parent, such as the
// portals that a game is played in: a browser shows the page only if its
// frame-ancestors name every page around it. Default: none.
//
// It panics if parentURL or an embedder is not an absolute http or https URL.
func (p *Passport) LogoutSilentCallback(parentURL string, embedders ...string) http.Handler {
	page, err := p.c.pages.NewCallback(parentURL, embedders...)
	if err == nil {
		_, err = authdomain.ParseHTTP(parentURL)
	}
	if err != nil {
		panic("passport: LogoutSilentCallback: parentURL or an embedder: " + err.Error() + "; pass the URL of the page that begins the logout, such as http://localhost:3000")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outcome, b := p.noticeReturn(w, r)
		returned := pages.Return{Done: outcome == OutcomeDone, Unknown: outcome == OutcomePending}
		if !returned.Done && b.Logout != "" {
			returned.Done = b.LogoutFinished || p.confirmed(r.Context(), b) // a logout token was quicker
		}
		page.Serve(w, r, returned)
	})
}

// Script serves passport.js, which gives a page passport.logout(), for
// Config.LogoutPath, and handles <form data-passport-logout>. It has no
// dependencies and needs nothing but script-src 'self'. At a path that ends in .mjs,
// such as /passport.mjs, it is an ES module, and at /passport.d.ts there are its types;
// see docs/passport-js.md.
func (p *Passport) Script() http.Handler { return pages.Script(p.c.LogoutPath) }

// noticeReturn carries CheckLogoutReturn over HTTP.
func (p *Passport) noticeReturn(w http.ResponseWriter, r *http.Request) (Outcome, BrowserState) {
	before := p.BrowserState(r)
	outcome, after := p.CheckLogoutReturn(addressed(r), before, LogoutReturn{Query: r.URL.Query(), Way: p.returnWay(r)})
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

// FrontChannelLogout is what the app serves at its front-channel logout URI,
// which the provider's logout page visits in an iframe (OpenID Connect
// Front-Channel Logout 1.0 §2, §3). With a sid it ends the sessions of that
// Passport session, and needs no cookie, which third-party iframes do not get.
// Without one it ends the session of the browser that asks.
//
// It ends nothing unless the browser says that the request is a frame of the
// provider's page, by Sec-Fetch-Dest and Referer. If the provider's page sends no
// Referer, the request must have both iss and sid, and the browser must send
// Sec-Fetch-Dest. Another issuer is refused (400). A sid without iss, as Microsoft Entra
// sends it, is accepted from the provider's page.
//
// Anybody who knows a sid can send such a request with a program of their own, and end
// that session; see SECURITY.md. Prefer [Passport.BackChannelLogout], which is signed.
//
// The page is empty, is not cached, and only the provider may frame it.
func (p *Passport) FrontChannelLogout(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		p.refuse(w, r, http.StatusMethodNotAllowed, errFrontChannel)
		return
	}
	if web.IsPrefetch(r) {
		p.refuse(w, r, http.StatusServiceUnavailable, errPrefetch)
		return
	}
	q := r.URL.Query()
	iss, sid := q.Get("iss"), q.Get("sid")
	if iss != "" && iss != p.c.Issuer {
		p.refuse(w, r, http.StatusBadRequest, errFrontChannel)
		return
	}
	var err error
	switch frame := p.frameOf(r); {
	case sid != "" && (frame == providerFrame || frame == hiddenFrame && iss != ""):
		err = p.endByFrame(addressed(r), sid)
	case sid == "" && frame == providerFrame:
		before := p.BrowserState(r)
		var after BrowserState
		after, err = p.endFramed(addressed(r), before)
		p.SetBrowserState(w, before, after)
	}
	if err != nil {
		p.refuse(w, r, http.StatusServiceUnavailable, err)
		return
	}
	pages.ServeEmpty(w, strings.Join(p.providerOrigins(), " "))
}

// frame says whose page a request is a frame of, by the browser's account.
type frame int

const (
	noFrame       frame = iota // an image, a link, a script, or another site's frame
	hiddenFrame                // a frame of a page that does not say where it is
	providerFrame              // a frame of the provider's page
)

// frameOf goes by Referer, and by Sec-Fetch-Dest where the browser has it. There are
// providers whose pages send no referrer.
func (p *Passport) frameOf(r *http.Request) frame {
	framed := slices.Contains([]string{"iframe", "frame"}, r.Header.Get("Sec-Fetch-Dest"))
	if !framed && r.Header.Get("Sec-Fetch-Dest") != "" {
		return noFrame
	}
	if r.Referer() == "" {
		if framed {
			return hiddenFrame
		}
		return noFrame
	}
	from, err := url.Parse(r.Referer())
	if err != nil || !slices.Contains(p.providerOrigins(), authdomain.OriginOf(from)) {
		return noFrame
	}
	return providerFrame
}

// longestLogoutForm is more than a logout token takes.
const longestLogoutForm = 64 << 10

// BackChannelLogout is what the app serves at its back-channel logout URI, for the
// provider to call: EndByLogoutToken over HTTP (OpenID Connect Back-Channel Logout
// 1.0 §2.5, §2.8). It answers 200 when the sessions have ended, or 400 with a JSON
// error: temporarily_unavailable if the Store or the provider's keys did not answer,
// so the provider should send the same token again, and invalid_request otherwise. §2.8
// requires 400 in both cases.
func (p *Passport) BackChannelLogout(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		web.WriteJSON(w, http.StatusMethodNotAllowed, oauthError{"invalid_request", "a back-channel logout is a POST"})
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		web.WriteJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "the body is not a form"})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, longestLogoutForm)
	if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 {
		web.WriteJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "the form has not one logout_token"})
		return
	}
	if l, err := p.EndByLogoutToken(addressed(r), r.PostForm.Get("logout_token")); err != nil && l.App != OutcomePending {
		p.refuseLogoutToken(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (p *Passport) refuseLogoutToken(w http.ResponseWriter, r *http.Request, err error) {
	unavailable := oauthError{"temporarily_unavailable", "the logout failed for now: send the token again later"}
	switch {
	case errors.Is(err, ErrStoreUnavailable): // the token has been verified
		p.c.Logger.ErrorContext(r.Context(), "passport: a back-channel logout failed; the provider has to send it again", "error", err)
		web.WriteJSON(w, http.StatusBadRequest, unavailable)
		return
	case errors.Is(err, ErrKeysUnavailable): // anybody may have sent it
		p.c.Logger.WarnContext(r.Context(), "passport: a logout token could not be verified", "error", err)
		web.WriteJSON(w, http.StatusBadRequest, unavailable)
		return
	}
	p.c.Logger.WarnContext(r.Context(), "passport: a back-channel logout was refused", "error", err)
	web.WriteJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "the logout token was not accepted"})
}

// oauthError is the JSON error of RFC 6749 §5.2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}
