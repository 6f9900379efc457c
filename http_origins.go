package passport

import (
	"net/http"
	"slices"

	"github.com/passport-go/passport/internal/web"
)

// longestRequestedHeaders bounds what a preflight may repeat.
const longestRequestedHeaders = 1000

// allowOrigin tells the browser that a page of Config.TrustedOrigins may make a
// request with its user's cookies and read the response (Fetch Standard, CORS
// protocol). It reports whether the request comes from such a page.
func (d *httpDriver) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	if len(d.trustedOrigins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origins := r.Header["Origin"]
	if len(origins) != 1 || !slices.Contains(d.trustedOrigins, origins[0]) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origins[0])
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "HX-Redirect, Retry-After")
	return true
}

// answerPreflight answers the request with which a browser asks beforehand whether a
// page of Config.TrustedOrigins may make one with that method. It reports whether
// this is one.
func (d *httpDriver) answerPreflight(w http.ResponseWriter, r *http.Request, method string) bool {
	if !web.IsPreflight(r) || !d.allowOrigin(w, r) {
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

// isForeign reports whether a page of an origin that is not trusted makes the
// request, whatever its method.
func (d *httpDriver) isForeign(r *http.Request) bool {
	unsafe := *r
	unsafe.Method = http.MethodPost
	return d.fromTrusted.Check(&unsafe) != nil
}
