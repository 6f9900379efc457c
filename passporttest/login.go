package passporttest

import "net/http"

// loginPath has Auth0's name for the login page.
const loginPath = "/u/login"

// loginPage asks who is signing in. Its address carries the whole
// authentication request, which is checked again: the page keeps no state.
func (d *AuthDomain) loginPage(w http.ResponseWriter, r *http.Request) {
	req, ok := d.authRequest(w, r)
	if !ok {
		return
	}
	w.Header().Set("X-Frame-Options", "DENY")
	page(w, http.StatusOK, "login.html", map[string]any{
		"Title":  "Sign in",
		"Client": req.client.ID,
		"Users":  d.options.Users,
		"Hint":   req.hint(),
	})
}

// submitLogin takes the choice that was made on the page.
func (d *AuthDomain) submitLogin(w http.ResponseWriter, r *http.Request) {
	r.Form = r.URL.Query()
	req, ok := d.authRequest(w, r)
	if !ok {
		return
	}
	if r.PostForm.Has("deny") {
		req.fail(w, r, &oauthError{"access_denied", "User denied access"})
		return
	}
	user, ok := d.options.userBySubject(r.PostForm.Get("user"))
	if !ok {
		d.errorPage(w, r, "Unknown user", "Nobody has this subject.", r.PostForm.Get("user"))
		return
	}
	d.finishLogin(w, r, req, d.signIn(w, r, user))
}
