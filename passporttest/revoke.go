package passporttest

import "net/http"

// revoke revokes a refresh token (RFC 7009 §2). The response does not tell whether
// there was one.
func (d *AuthDomain) revoke(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	client, err := d.authenticate(r)
	if err != nil {
		writeError(w, err)
		return
	}
	token := r.PostForm.Get("token")
	if token == "" {
		writeError(w, &oauthError{"invalid_request", "Missing required parameter: token"})
		return
	}
	if effectOf(r).keepsTokens() {
		return
	}
	if err := d.db.revoke(token, client.ID, d.now()); err != nil {
		writeError(w, err)
	}
}
