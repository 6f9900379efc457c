package passport

import (
	"context"
	"errors"
	"net/http"

	"github.com/passport-go/passport/internal/web"
)

// Handler looks up the session of every request, for [SessionFrom] to find, and
// passes the request on to next whether or not there is one. Responses to a
// signed-in user get Cache-Control: no-store, which next may replace; the
// browser may then show such a page again after a logout, unless it has
// [Passport.Script].
//
// When the Store cannot answer, a request with a session cookie gets a 503
// (Config.OnError), for next would take a signed-in user for a stranger. At
// Config.LogoutPath the session is looked up only if somebody asks for it, so
// that a logout costs the store one round trip (two within ten minutes of a
// login), and reaches the auth domain even when the Store cannot answer.
//
// It also notices the browser's return from a logout at LogoutRedirectURI.
func (p *Passport) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.begin()
		if p.http.isLogoutReturn(r) {
			if p.noticeReturn(w, r); r.URL.Query().Has(returnParam) {
				p.http.tidyReturn(w, r)
				return
			}
		}
		// Here, for the program may have registered Logout for POST alone.
		if r.Method == http.MethodOptions && p.http.isLogout(r) && p.http.answerPreflight(w, r, http.MethodPost) {
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
		in := r.WithContext(&unreadSession{Context: r.Context(), p: p, secret: id})
		defer func() { r.Pattern = in.Pattern }()
		next.ServeHTTP(w, in)
		return
	}
	in := &signedIn{}
	in.context.Context = r.Context()
	switch err := p.find(r.Context(), id, &in.context.session); {
	case err == nil:
		web.NoStore(w)
		in.request = *r.WithContext(&in.context)
		in.serve(w, r, next)
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

// serve passes the request on. Code around the handlers, which logs or measures, gets
// to know which pattern of a mux has matched: mux writes that into its own copy.
func (in *signedIn) serve(w http.ResponseWriter, outer *http.Request, next http.Handler) {
	defer func() { outer.Pattern = in.request.Pattern }()
	next.ServeHTTP(w, &in.request)
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

// RequireLogin passes on requests with a session and stops all others: a
// navigation is sent to Config.LoginPath, to come back after the login; an htmx
// request gets HX-Redirect to the same, to come back to the page that it was made
// from; any other request gets a 401. It works inside [Passport.Handler] or by itself.
//
// A CORS preflight, which never has cookies, gets a 204 that allows nothing and is
// not passed on: a program that lets other origins in answers preflights further out.
//
// It may stand around a whole program: requests for Config.LoginPath and
// LogoutPath, returns to RedirectURI and, in silent mode, LogoutRedirectURI are
// passed on without a session, because otherwise nobody could sign in or out.
//
// A logout does not end at the login: for ten minutes after it, a page that says so
// stands in the place of LogoutRedirectURI and of Config.HomePath, if they are for
// users alone. A return_to that a silent logout goes to should be for everybody.
func (p *Passport) RequireLogin(next http.Handler) http.Handler {
	only := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if SessionFrom(r.Context()) != nil || p.http.isOwn(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
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
		http.Redirect(w, r, p.http.loginFor(p.http.requested(r)), http.StatusSeeOther)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if SessionFrom(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		p.lookUp(w, r, only)
	})
}
