package passport

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
)

// longestLogoutForm is more than a logout token takes.
const longestLogoutForm = 64 << 10

// BackChannelLogout is what the app serves at its back-channel logout URI, for
// the provider to call: EndByLogoutToken over HTTP (OpenID Connect Back-Channel
// Logout 1.0 §2.5, §2.8). It answers 200 when the sessions are gone, or 400
// with a JSON error.
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
	if _, err := p.EndByLogoutToken(r.Context(), r.PostForm.Get("logout_token")); err != nil {
		p.c.Logger.WarnContext(r.Context(), "passport: a back-channel logout was refused", "error", err)
		web.WriteJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "the logout token was not accepted, or the logout failed"})
		return
	}
	w.WriteHeader(http.StatusOK)
}

// oauthError is the JSON error of RFC 6749 §5.2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// FrontChannelLogout is what the app serves at its front-channel logout URI,
// which the provider's logout page visits in an iframe (OpenID Connect
// Front-Channel Logout 1.0 §2, §3). With iss and sid it ends the sessions of
// that Passport session, and needs no cookie, which third-party iframes do not
// get. With neither it ends the session of the browser that asks, if the
// request says that it comes from a page of the provider's. One without the
// other is refused.
//
// The page is empty, is not stored, and may be framed by the provider alone.
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
	var err error
	switch {
	case iss == p.c.Issuer && sid != "":
		_, err = p.endByProvider(r.Context(), "", sid)
	case iss == "" && sid == "" && !p.isFramedByProvider(r):
		// It could be anybody's.
	case iss == "" && sid == "":
		before := p.BrowserState(r)
		var after BrowserState
		after, err = p.endFramed(r.Context(), before)
		p.SetBrowserState(w, before, after)
	default:
		p.refuse(w, r, http.StatusBadRequest, errFrontChannel)
		return
	}
	if err != nil {
		p.refuse(w, r, http.StatusServiceUnavailable, err)
		return
	}
	pages.ServeEmpty(w, p.c.authDomain)
}

// isFramedByProvider reports whether a request is an iframe on the provider's page.
func (p *Passport) isFramedByProvider(r *http.Request) bool {
	from, err := url.Parse(r.Referer())
	return err == nil && authdomain.OriginOf(from) == p.c.authDomain && r.Header.Get("Sec-Fetch-Dest") == "iframe"
}
