package passporttest

import "net/http"

// loginPath is the path of Auth0's login page.
const loginPath = "/u/login"

// loginPage asks who is signing in. It is stateless: its URL contains the whole
// authentication request, which is checked again.
func (d *AuthDomain) loginPage(w http.ResponseWriter, r *http.Request) {
	req, ok := d.authRequest(w, r, r.URL.Query())
	if !ok {
		return
	}
	data := loginData{Title: "Sign in", Client: req.client.ID}
	for _, u := range d.options.Users {
		data.Users = append(data.Users, u.choice(req.hint()))
	}
	page(w, http.StatusOK, "login.html", data)
}

// submitLogin handles the page's form.
func (d *AuthDomain) submitLogin(w http.ResponseWriter, r *http.Request) {
	req, ok := d.authRequest(w, r, r.URL.Query())
	if !ok {
		return
	}
	if r.PostForm.Has("deny") {
		req.fail(w, r, &oauthError{"access_denied", "The user cancelled the login."})
		return
	}
	user, ok := d.options.userBySubject(r.PostForm.Get("user"))
	if !ok {
		errorPage(w, "Unknown user", "Nobody has this subject.", r.PostForm.Get("user"))
		return
	}
	d.finishLogin(w, r, req, d.signIn(w, r, user))
}
