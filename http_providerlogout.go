package passport

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
)

// FrontChannelLogout is what the app serves at its front-channel logout URI,
// which the provider's logout page visits in an iframe (OpenID Connect
// Front-Channel Logout 1.0 §2, §3). With a sid it ends the sessions of that
// Passport session, and needs no cookie, which third-party iframes do not get.
// Without one it ends the session of the browser that asks.
//
// It ends nothing unless the browser says that the request is a frame of the
// provider's page: by Sec-Fetch-Dest, and by Referer. A page that hides where it
// is must name issuer and sid, and the browser must send Sec-Fetch-Dest. Another
// issuer is refused. A sid without an issuer counts as the one provider's, as
// Microsoft Entra sends it.
//
// Anybody who knows a sid can send such a request with their own program, and end
// that session; see SECURITY.md. Prefer [Passport.BackChannelLogout], which is
// signed.
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
	if iss != "" && iss != p.c.Issuer {
		p.refuse(w, r, http.StatusBadRequest, errFrontChannel)
		return
	}
	var err error
	switch frame := p.frameOf(r); {
	case sid != "" && (frame == providerFrame || frame == hiddenFrame && iss != ""):
		err = p.endByFrame(r.Context(), sid)
	case sid == "" && frame == providerFrame:
		before := p.BrowserState(r)
		var after BrowserState
		after, err = p.endFramed(r.Context(), before)
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
// error.
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
