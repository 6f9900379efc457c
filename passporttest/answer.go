package passporttest

import (
	"encoding/json"
	"net/http"
	"net/url"
)

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic("passporttest: " + err.Error())
	}
}

// oauthError is an error response (RFC 6749 §5.2).
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// status returns Auth0's status code: 403 in some cases where the RFC requires 400.
func (e *oauthError) status() int {
	switch e.Code {
	case "invalid_client":
		return http.StatusUnauthorized
	case "invalid_grant", "unauthorized_client", "access_denied", "authorization_pending", "expired_token":
		return http.StatusForbidden
	case "slow_down":
		return http.StatusTooManyRequests
	default:
		return http.StatusBadRequest
	}
}

func writeError(w http.ResponseWriter, e *oauthError) {
	if e.Code == "invalid_client" {
		w.Header().Set("WWW-Authenticate", `Basic realm="passporttest"`)
	}
	writeJSON(w, e.status(), e)
}

// redirect redirects the browser to target, with more added to its query.
func redirect(w http.ResponseWriter, r *http.Request, target string, more url.Values) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, addQuery(target, more), http.StatusFound)
}

// addQuery adds to the query of target. It keeps the existing query byte for byte,
// because the URL is the client's.
func addQuery(target string, more url.Values) string {
	u, err := url.Parse(target)
	if err != nil || len(more) == 0 {
		return target
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += more.Encode()
	return u.String()
}
