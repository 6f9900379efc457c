package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// Origins decides which pages may make requests that change something: those of the
// program's own origin and, where they are let in, of trusted ones.
type Origins struct {
	trusted     []string
	own         *http.CrossOriginProtection
	withTrusted *http.CrossOriginProtection // the same, with the trusted origins let in
}

// NewOrigins returns the rules for a program at an origin, which may be empty.
// Behind a proxy that rewrites Host, a request does not say where it is.
func NewOrigins(origin string, trusted []string) Origins {
	o := Origins{trusted: trusted, own: http.NewCrossOriginProtection(), withTrusted: http.NewCrossOriginProtection()}
	if origin != "" {
		_ = o.own.AddTrustedOrigin(origin)
		_ = o.withTrusted.AddTrustedOrigin(origin)
	}
	for _, origin := range trusted {
		_ = o.withTrusted.AddTrustedOrigin(origin)
	}
	return o
}

// CheckOwn returns an error if a page of another origin makes a request that may
// change something.
func (o *Origins) CheckOwn(r *http.Request) error { return o.own.Check(r) }

// IsForeign reports whether a page of an origin that is not trusted makes the
// request, whatever its method.
func (o *Origins) IsForeign(r *http.Request) bool {
	unsafe := *r
	unsafe.Method = http.MethodPost
	return o.withTrusted.Check(&unsafe) != nil
}

// Allow tells the browser that a page of a trusted origin may make a request with its
// user's cookies and read the response (Fetch Standard, CORS protocol). It reports
// whether the request comes from such a page.
func (o *Origins) Allow(w http.ResponseWriter, r *http.Request) bool {
	if len(o.trusted) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origins := r.Header["Origin"]
	if len(origins) != 1 || !slices.Contains(o.trusted, origins[0]) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origins[0])
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "HX-Redirect, Retry-After")
	return true
}

// Why a request that changes something is not let in.
var (
	ErrPrefetch = errors.New("passport: a login or logout is not for prefetching")
	ErrForeign  = errors.New("passport: a login or logout must be asked for by this site itself")
	ErrMethod   = errors.New("passport: a logout is a POST")
)

// Admit lets a POST in that a page of the own or a trusted origin makes and, with
// byGET, a GET if the browser says that its user or this origin has asked for the
// page. The status is 0 then; that of the error, if there is one; or otherwise that of
// a preflight, which has been answered.
func (o *Origins) Admit(w http.ResponseWriter, r *http.Request, byGET bool) (status int, err error) {
	if o.AnswerPreflight(w, r, http.MethodPost) {
		return http.StatusNoContent, nil
	}
	o.Allow(w, r)
	switch {
	case IsPrefetch(r):
		return http.StatusServiceUnavailable, ErrPrefetch
	case r.Method == http.MethodPost:
		if err := o.withTrusted.Check(r); err != nil {
			return http.StatusForbidden, fmt.Errorf("%w: %w", ErrForeign, err)
		}
		return 0, nil
	case r.Method == http.MethodGet && byGET:
		if !IsOwnNavigation(r) {
			return http.StatusForbidden, ErrForeign
		}
		return 0, nil
	}
	w.Header().Set("Allow", http.MethodPost)
	return http.StatusMethodNotAllowed, ErrMethod
}

// longestRequestedHeaders bounds what a preflight may repeat.
const longestRequestedHeaders = 1000

// AnswerPreflight answers the request with which a browser asks beforehand whether a
// page of a trusted origin may make one with that method. It reports whether this is
// one.
func (o *Origins) AnswerPreflight(w http.ResponseWriter, r *http.Request, method string) bool {
	if !IsPreflight(r) || !o.Allow(w, r) {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", method)
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" && len(names) <= longestRequestedHeaders {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// IsPreflight reports whether a browser asks whether another origin may make a
// request (Fetch Standard, CORS-preflight request).
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
