package passport

import (
	"errors"
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
// The status is 200 either way; 503 if the Store cannot answer, and 403 for other
// origins. Serve it for all methods, not for GET alone, since browsers may ask
// beforehand by OPTIONS, and not behind RequireLogin.
func (p *Passport) SessionInfo(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	if p.http.answerPreflight(w, r, http.MethodGet) {
		return
	}
	p.http.allowOrigin(w, r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		p.refuse(w, r, http.StatusMethodNotAllowed, errMethod)
		return
	}
	if p.http.isForeign(r) {
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
		s, err = p.Session(r.Context(), p.http.sessionID(r))
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
