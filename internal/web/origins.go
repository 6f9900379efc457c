package web

import (
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

// CheckTrusted is CheckOwn with the trusted origins let in.
func (o *Origins) CheckTrusted(r *http.Request) error { return o.withTrusted.Check(r) }

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
