package passport

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/passport-go/passport/internal/pages"
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
		p.revoker.begin()
		if r.URL.Path == p.logoutReturn {
			if p.noticeReturn(w, r); r.URL.Query().Has(returnParam) {
				tidyReturn(w, r)
				return
			}
		}
		p.lookUp(w, r, next)
	})
}

// lookUp passes a request on with its session.
func (p *Passport) lookUp(w http.ResponseWriter, r *http.Request, next http.Handler) {
	id := p.cookies.get(r, p.cookies.session)
	if id == "" {
		next.ServeHTTP(w, r)
		return
	}
	if r.URL.Path == p.c.LogoutPath {
		noStore(w)
		next.ServeHTTP(w, r.WithContext(&unreadSession{Context: r.Context(), p: p, secret: id}))
		return
	}
	in := &signedIn{}
	in.context.Context = r.Context()
	switch err := p.find(r.Context(), id, &in.context.session); {
	case err == nil:
		noStore(w)
		in.request = *r.WithContext(&in.context)
		next.ServeHTTP(w, &in.request)
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

type sessionKey struct{}

// String keeps the session out of what prints a context.
func (c *sessionContext) String() string { return "passport.sessionContext" }

// SessionFrom returns the session of a request that came through
// [Passport.Handler], or nil if its user is not signed in.
func SessionFrom(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// RequireLogin passes on requests with a session and stops all others: a
// navigation is sent to Config.LoginPath, to come back after the login; any
// other request gets a 401. It works inside [Passport.Handler] or by itself.
func (p *Passport) RequireLogin(next http.Handler) http.Handler {
	only := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if SessionFrom(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if !isNavigation(r) {
			p.refuse(w, r, http.StatusUnauthorized, ErrNoSession)
			return
		}
		to := p.c.LoginPath + "?" + url.Values{"return_to": {localPath(r.RequestURI, localPath(r.URL.RequestURI(), "/"))}}.Encode()
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if SessionFrom(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		p.lookUp(w, r, only)
	})
}

// isNavigation reports whether a person is about to see the answer as a page.
// Browsers that do not send Sec-Fetch-Mode are judged by what they accept.
func isNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || isHTMX(r) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return accepts(r, "text/html")
}

// isPrefetch reports whether a browser fetches ahead of a click that may never
// come.
func isPrefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, value := range r.Header[name] {
			value = strings.ToLower(value)
			if strings.Contains(value, "prefetch") || strings.Contains(value, "prerender") || strings.Contains(value, "preview") {
				return true
			}
		}
	}
	return false
}

func isHTMX(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// accepts reports whether the Accept header names a media type itself.
func accepts(r *http.Request, mediaType string) bool {
	for _, accept := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(accept, ",") {
			name, params, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), mediaType) {
				return strings.ReplaceAll(params, " ", "") != "q=0"
			}
		}
	}
	return false
}

// wantsJSON reports whether a program asks: it says so, or the browser says
// that it is a script's fetch and not the loading of a page.
func wantsJSON(r *http.Request) bool {
	return accepts(r, "application/json") || r.Header.Get("Sec-Fetch-Dest") == "empty" && !isHTMX(r)
}

var noStoreValue = []string{"no-store"}

func noStore(w http.ResponseWriter) { w.Header()["Cache-Control"] = noStoreValue }

// refuse answers a request that cannot be served.
func (p *Passport) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	p.c.Logger.WarnContext(r.Context(), "passport: request refused", "path", r.URL.Path, "status", status, "error", err)
	noStore(w)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if p.c.OnError != nil {
		p.c.OnError(w, r, status, err)
		return
	}
	what := explain(status, err)
	if wantsJSON(r) || isHTMX(r) {
		writeJSON(w, status, map[string]string{"error": what.title, "detail": what.text})
		return
	}
	page := pages.Message{Status: status, Title: what.title, Text: what.text}
	if what.again {
		page.Links = append(page.Links, pages.Link{URL: p.c.LoginPath, Text: "Sign in again"})
	}
	page.Links = append(page.Links, pages.Link{URL: "/", Text: "Go to the start page"})
	page.Serve(w)
}

type explanation struct {
	title, text string
	again       bool // a new login may help
}

// explain says in a user's words what an error means for them.
func explain(status int, err error) explanation {
	var provider *ProviderError
	switch {
	case errors.As(err, &provider) && provider.Code == "access_denied":
		return explanation{"You are not signed in", "The sign-in was cancelled or refused. You can try again whenever you like.", true}
	case errors.As(err, &provider):
		return explanation{"The sign-in did not work", "Passport answered with an error: " + either(provider.Code, "no further word") + ".", true}
	case errors.Is(err, ErrNoLogin):
		return explanation{"This sign-in is no longer valid", "It took too long, was used already, or was begun in another browser.", true}
	case errors.Is(err, errPrefetch):
		return explanation{"Not ahead of time", "This page is for when you go there yourself.", false}
	case errors.Is(err, errCrossOrigin):
		return explanation{"This request came from another site", "Nothing was changed. Sign out from the site itself.", false}
	case status == http.StatusUnauthorized:
		return explanation{"You are not signed in", "Sign in to see this.", true}
	case status == http.StatusServiceUnavailable:
		return explanation{"This does not work at the moment", "The sessions of this site cannot be reached. Please try again in a moment.", false}
	case status >= 500:
		return explanation{"This did not work", "Something went wrong on the way to Passport. Please try again.", true}
	}
	return explanation{"This did not work", "The request cannot be answered here.", false}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	noStore(w)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the connection is gone if this fails
}
