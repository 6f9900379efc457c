package passporttest

import (
	"net/http"
	"net/url"
)

// logout is Auth0's own logout endpoint: it knows neither state nor
// id_token_hint, and ignores them.
func (d *AuthDomain) logout(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	target, ok := d.logoutTarget(w, r, query)
	if !ok {
		return
	}
	d.endBrowserSession(w, r)
	if target == "" {
		d.signedOutPage(w, r)
		return
	}
	redirect(w, r, target, nil)
}

// logoutTarget returns where the browser goes, "" if nothing is registered. If
// it returns false it has answered, and nothing ends.
func (d *AuthDomain) logoutTarget(w http.ResponseWriter, r *http.Request, query url.Values) (string, bool) {
	client := Client{LogoutURLs: d.options.LogoutURLs}
	if id := query.Get("client_id"); id != "" {
		registered, known := d.options.client(id)
		if !known {
			d.errorPage(w, r, "Unknown client", "No application is registered under this client_id.", id)
			return "", false
		}
		client = registered
	}
	returnTo := query.Get("returnTo")
	if returnTo == "" {
		return client.firstLogoutURL(), true
	}
	if !client.allowsReturnTo(returnTo) {
		d.errorPage(w, r, "Logout URL not allowed",
			"This returnTo is not among the allowed logout URLs.", returnTo)
		return "", false
	}
	return returnTo, true
}

// endBrowserSession ends the session whose cookie the request carries. Without
// the cookie, as in an iframe whose browser blocks third-party cookies, nothing
// ends, and the answer is the same.
func (d *AuthDomain) endBrowserSession(w http.ResponseWriter, r *http.Request) {
	if effectOf(r).keepsSession() {
		return
	}
	if ended, ok := d.endSession(w, r); ok {
		d.sendLogoutTokens(ended)
	}
}

func (c Client) firstLogoutURL() string {
	if len(c.LogoutURLs) == 0 {
		return ""
	}
	return c.LogoutURLs[0]
}

// allowsReturnTo compares without query and fragment, as Auth0 does.
func (c Client) allowsReturnTo(raw string) bool {
	if c.AnyLoopback && isLoopbackURL(raw) {
		return true
	}
	bare, ok := withoutQuery(raw)
	if !ok {
		return false
	}
	for _, allowed := range c.LogoutURLs {
		if a, ok := withoutQuery(allowed); ok && a == bare {
			return true
		}
	}
	return false
}

func withoutQuery(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || !u.IsAbs() || u.Host == "" {
		return "", false
	}
	u.RawQuery, u.ForceQuery = "", false
	u.Fragment, u.RawFragment = "", ""
	return u.String(), true
}
