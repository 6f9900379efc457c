package passport

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/page"
)

// Handler looks up the session of every request, for [SessionFrom] to find, and
// passes the request on to next whether or not there is one. Responses to a
// signed-in user get Cache-Control: no-store. next may replace that; the browser may
// then show such a page again after a logout, unless it has [Passport.Script].
//
// When the Store cannot answer, a request with a session cookie gets a 503
// (Config.OnError), because next would treat a signed-in user as signed out. At
// Config.LogoutPath the session is looked up only when SessionFrom is called, so a
// logout costs the Store one round trip (two within ten minutes of a login), and
// reaches the auth domain even when the Store cannot answer.
//
// In redirect mode it also notices when the browser comes back from a logout to
// LogoutRedirectURI, so that page must be inside it.
func (p *Passport) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.begin()
		if p.http.isLogoutReturn(r) {
			if p.noticeReturn(w, r); r.URL.Query().Has(authdomain.ReturnParam) {
				p.http.tidyReturn(w, r)
				return
			}
		}
		// Here, for the program may have registered Logout for POST alone.
		if r.Method == http.MethodOptions && p.http.isLogout(r) && p.http.AnswerPreflight(w, r, http.MethodPost) {
			return
		}
		p.lookUp(w, r, next)
	})
}

// lookUp passes a request on with its session.
func (p *Passport) lookUp(w http.ResponseWriter, r *http.Request, next http.Handler) {
	id := p.http.sessionID(r)
	if id == "" {
		next.ServeHTTP(w, r)
		return
	}
	if p.http.isLogout(r) {
		web.NoStore(w)
		in := &loggingOut{context: unreadSession{Context: r.Context(), p: p, secret: id}}
		in.request = *r.WithContext(&in.context)
		serve(w, r, &in.request, next)
		return
	}
	in := &signedIn{}
	in.context.Context = r.Context()
	switch err := p.find(p.useOf(r), id, &in.context.session); {
	case err == nil:
		web.NoStore(w)
		in.request = *r.WithContext(&in.context)
		serve(w, r, &in.request, next)
	case errors.Is(err, ErrNoSession):
		next.ServeHTTP(w, r)
	default:
		p.refuse(w, r, http.StatusServiceUnavailable, err)
	}
}

// signedIn is what goes on to a handler: the request and, in its context, the
// session. They are one piece of memory, and not a byte larger than they need to
// be, for allocating it is a third of the cost of a look-up.
type signedIn struct {
	request http.Request
	context sessionContext
}

// loggingOut is the same for a logout, whose session has not been looked up.
type loggingOut struct {
	request http.Request
	context unreadSession
}

// serve passes on a copy of a request, and writes back what belongs to the request itself:
// code around the handlers, which logs or measures, gets to know which pattern of a mux
// has matched, and net/http which files of an upload it has to remove (Go issue 58809).
func serve(w http.ResponseWriter, outer, in *http.Request, next http.Handler) {
	defer func() {
		outer.Pattern = in.Pattern
		outer.Form, outer.PostForm, outer.MultipartForm = in.Form, in.PostForm, in.MultipartForm
	}()
	next.ServeHTTP(w, in)
}

// sessionContext is the context of a request, with its session.
type sessionContext struct {
	context.Context
	session Session
}

func (c *sessionContext) Value(key any) any {
	if key == (sessionKey{}) {
		return &c.session
	}
	return c.Context.Value(key)
}

// String keeps the session out of what prints a context.
func (c *sessionContext) String() string { return "passport.sessionContext" }

// RequireLogin is middleware that passes on requests with a session and stops all
// others: a navigation is redirected to Config.LoginPath, and comes back after the
// login; an htmx request gets HX-Redirect to the login, which comes back to the page
// that made the request; any other request gets a 401. It works inside
// [Passport.Handler] or by itself.
//
// In a frame of another page, providers do not show their login. There the login uses
// Prompt none: a user who is not signed in at the provider gets a page (401) whose links
// open in the whole window. In a frame on another site nobody is signed in, because
// browsers send no cookies there: everybody gets that page.
//
// A CORS preflight, which never has cookies, gets a 204 that allows nothing, and is not
// passed on: put CORS middleware around RequireLogin, not inside it.
//
// It may wrap a whole program: requests for Config.LoginPath and LogoutPath, returns to
// RedirectURI and, in silent mode, LogoutRedirectURI are passed on without a session,
// because otherwise nobody could sign in or out. Serve BackChannelLogout,
// FrontChannelLogout and BearerLogout outside it: whoever calls those has no session.
//
// If it protects Config.HomePath or the page at LogoutRedirectURI, a user who has just
// signed out there is not sent to the login: for ten minutes, RequireLogin shows a page
// that says that they are signed out. A silent logout goes on to the form's return_to,
// which should be a page without RequireLogin.
func (p *Passport) RequireLogin(next http.Handler) http.Handler {
	only := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if SessionFrom(r.Context()) != nil || p.http.isOwn(r) {
			next.ServeHTTP(w, r)
			return
		}
		web.NoStore(w)
		if web.IsPreflight(r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if web.IsHTMX(r) {
			w.Header().Set("HX-Redirect", p.http.loginFor(p.http.htmxPage(r)))
			w.WriteHeader(http.StatusUnauthorized) // htmx follows it whatever the status
			return
		}
		if !web.IsNavigation(r) {
			p.refuse(w, r, http.StatusUnauthorized, ErrNoSession)
			return
		}
		if p.endsLogout(r) {
			p.serveSignedOut(w, r)
			return
		}
		if web.IsForeignFrame(r) && !p.http.keepsCookies(r) { // a login could not finish there
			p.refuseToAsk(w, r, ErrNoSession)
			return
		}
		if web.IsFramed(r) {
			p.StartLogin(w, r, LoginOptions{Prompt: "none", ReturnTo: p.http.place.Requested(r)})
			return
		}
		http.Redirect(w, r, p.http.loginFor(p.http.place.Requested(r)), http.StatusSeeOther)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if SessionFrom(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		p.lookUp(w, r, only)
	})
}

// RequireRecent is RequireLogin for pages that need a user who gave credentials within
// maxAge, such as a change of the e-mail address. Of a user who signed in longer ago, a
// navigation is sent to the provider, which asks for credentials, and comes back; a form
// that was posted, or an htmx request, comes back to the page that it was made from,
// where the user does it once more; any other request gets a 401 with ErrNotRecent (the
// code not_recent in JSON), in a frame with a link that opens the page in the whole
// window. If the provider does not say when it asked (auth_time), the login ends in an
// error page, not in a loop. Ten seconds more than maxAge are allowed, because clocks
// differ.
//
// The login begins a new session, which replaces the old one and ends its streams
// ([Session.Done]). If that was remembered (LoginOptions.Remember), the new one lives for
// the rest of its time.
//
// RequireRecent panics if maxAge is not positive, as http.ServeMux.Handle does if it is
// used wrongly.
func (p *Passport) RequireRecent(maxAge time.Duration, next http.Handler) http.Handler {
	if maxAge <= 0 {
		panic("passport: RequireRecent: maxAge is not positive: use RequireLogin if any login will do")
	}
	return p.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := SessionFrom(r.Context())
		if s == nil || s.isRecent(r.Context(), maxAge) {
			next.ServeHTTP(w, r)
			return
		}
		p.ask(w, r, LoginOptions{MaxAge: maxAge, Remember: s.remembered()}, ErrNotRecent)
	}))
}

// RequireStepUp is RequireRecent for pages that need a certain way of signing in, such
// as a second factor (ACRValues). Of a user who signed in in another way, a navigation
// is sent to the provider with acr_values and max_age, and comes back, as do forms and htmx
// requests; any other request gets a 401 with ErrInsufficientACR or ErrNotRecent (the codes
// insufficient_acr and not_recent in JSON). If the provider does not do what
// it was asked for, the login ends in an error page, not in a loop.
//
// It panics if s has neither ACRValues nor MaxAge, if MaxAge is negative, or if
// ACRValues has a quote, a backslash, or a character that is not printable ASCII.
func (p *Passport) RequireStepUp(s StepUp, next http.Handler) http.Handler {
	if err := s.check(); err != nil {
		panic("passport: RequireStepUp: " + err.Error())
	}
	return p.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := SessionFrom(r.Context())
		if session == nil { // one of this package's own handlers
			next.ServeHTTP(w, r)
			return
		}
		err := session.Satisfies(r.Context(), s)
		missing := errors.Is(err, ErrInsufficientACR) || errors.Is(err, ErrNotRecent)
		switch {
		case err == nil:
			next.ServeHTTP(w, r)
		case !missing && !errors.Is(err, ErrNoSession):
			p.refuse(w, r, http.StatusServiceUnavailable, err)
		case !missing:
			p.refuse(w, r, http.StatusUnauthorized, err)
		default:
			p.ask(w, r, LoginOptions{
				ACRValues: s.ACRValues, RequireACR: s.ACRValues != "", MaxAge: s.MaxAge, Remember: session.remembered(),
			}, err)
		}
	}))
}

// ask sends a user to the provider to be asked for more, and back to the page: that of the
// form, if one was posted, and for htmx the page around. A request that cannot be sent
// there is refused with err: a script's, and one in a frame, where providers show no pages.
func (p *Passport) ask(w http.ResponseWriter, r *http.Request, o LoginOptions, err error) {
	switch {
	case web.IsHTMX(r):
		o.ReturnTo = p.http.htmxPage(r)
	case web.IsFramed(r):
		p.refuseToAsk(w, r, err)
		return
	case web.IsNavigation(r):
		o.ReturnTo = p.http.place.Requested(r)
	case web.IsFormPost(r):
		o.ReturnTo = cmp.Or(p.http.place.Referrer(r, p.http.host), p.http.home)
	default:
		p.refuseToAsk(w, r, err)
		return
	}
	p.StartLogin(w, r, o)
}

// refuseToAsk refuses a page whose user would have to be asked. In a frame, a link opens
// it in the whole window, where the provider can.
func (p *Passport) refuseToAsk(w http.ResponseWriter, r *http.Request, err error) {
	var links []pages.Link
	if web.IsNavigation(r) {
		links = []pages.Link{{URL: p.http.place.Requested(r), Text: pages.Say(pages.Continue)}}
	}
	p.refuse(w, r, http.StatusUnauthorized, err, links...)
}

// endsLogout reports whether a logout of this browser has just ended at the page that
// it asks for.
func (p *Passport) endsLogout(r *http.Request) bool {
	d := &p.http
	path := d.place.RequestedPath(r)
	if path != d.logoutReturn && path != d.place.LocalOf(d.home) {
		return false
	}
	logout := logoutstate.Time(p.BrowserState(r).Logout.Reveal())
	return !logout.IsZero() && p.c.Now().Sub(logout).Abs() < loginstate.Life
}

// serveSignedOut is in the place of a page for users alone, which would send a user
// who has just signed out to sign in.
func (p *Passport) serveSignedOut(w http.ResponseWriter, r *http.Request) {
	m := pages.Message{
		Kind: page.SignedOut, Status: http.StatusOK,
		Title: pages.Say(pages.SignedOut), Texts: []pages.Text{pages.Say(pages.SignedOutText)},
		Links: []pages.Link{{URL: p.http.loginFor(p.http.place.Requested(r)), Text: pages.Say(pages.SignInAgain)}},
	}
	if finish := p.finishLinks(r, p.BrowserState(r)); len(finish) > 0 {
		m.Kind, m.Texts[0] = page.Unconfirmed, pages.Say(pages.SignedOutOpen)
		m.Links = append(finish, m.Links...)
	}
	p.c.pages.Serve(w, r, m)
}

// sessionInfo is the answer of SessionInfo.
type sessionInfo struct {
	SignedIn bool     `json:"signed_in"`
	Profile  *Profile `json:"profile,omitempty"`
}

// SessionInfo answers who is signed in, for scripts of this site and of
// Config.TrustedOrigins:
//
//	{"signed_in":true,"profile":{"sub":"...","email":"..."}}
//	{"signed_in":false}
//
// The status is 200 in both cases, 503 if the Store cannot answer, and 403 for other
// origins. Register it for all methods, not only for GET, because browsers may send a
// preflight (OPTIONS), and not behind RequireLogin.
func (p *Passport) SessionInfo(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	if p.http.AnswerPreflight(w, r, http.MethodGet) {
		return
	}
	p.http.Allow(w, r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		p.refuse(w, r, http.StatusMethodNotAllowed, errMethod)
		return
	}
	if p.http.IsForeign(r) {
		p.refuse(w, r, http.StatusForbidden, errCrossOrigin)
		return
	}
	info, err := p.sessionInfo(r)
	if err != nil {
		p.refuse(w, r, http.StatusServiceUnavailable, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, info)
}

func (p *Passport) sessionInfo(r *http.Request) (sessionInfo, error) {
	s := SessionFrom(r.Context())
	var err error
	if s == nil {
		s, err = p.Session(p.useOf(r), p.http.sessionID(r))
	}
	var profile Profile
	if err == nil {
		profile, err = s.Profile(r.Context())
	}
	if errors.Is(err, ErrNoSession) {
		return sessionInfo{}, nil
	}
	if err != nil {
		return sessionInfo{}, err
	}
	return sessionInfo{SignedIn: true, Profile: &profile}, nil
}
