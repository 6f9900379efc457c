package passport

import (
	"mime"
	"net/http"

	"github.com/passport-go/passport/internal/web"
)

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
