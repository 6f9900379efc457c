package passporttest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// logout is Auth0's own logout endpoint, which ignores state and id_token_hint.
func (d *AuthDomain) logout(w http.ResponseWriter, r *http.Request) {
	target, ok := d.logoutTarget(w, r.URL.Query())
	if !ok {
		return
	}
	d.signOut(w, r, target)
}

// logoutTarget returns where the browser goes, "" if no URL is registered. If it
// returns false it has responded with a page, and nothing ends.
func (d *AuthDomain) logoutTarget(w http.ResponseWriter, query url.Values) (string, bool) {
	client := Client{LogoutURLs: d.options.LogoutURLs}
	if id := query.Get("client_id"); id != "" {
		registered, known := d.options.client(id)
		if !known {
			errorPage(w, "Unknown client", "No application is registered under this client_id.", id)
			return "", false
		}
		client = registered
	}
	returnTo := query.Get("returnTo")
	if returnTo == "" {
		return client.firstLogoutURL(), true
	}
	if !client.allowsReturnTo(returnTo) {
		errorPage(w, "Logout URL not allowed", "This returnTo is not among the allowed logout URLs.", returnTo)
		return "", false
	}
	return returnTo, true
}

// signOut ends the session whose cookie the request carries, and redirects the browser
// to target unless that is empty. Without the cookie, as in an iframe if the browser
// blocks third-party cookies, nothing ends, and the response is the same.
func (d *AuthDomain) signOut(w http.ResponseWriter, r *http.Request, target string) {
	ended := d.endBrowserSession(w, r)
	if frames := d.frontChannelURLs(ended); len(frames) > 0 {
		framesPage(w, frames, target)
		return
	}
	if target == "" {
		signedOutPage(w)
		return
	}
	redirect(w, r, target, nil)
}

// endBrowserSession ends the browser's session and returns it, or the zero Session if
// there is none.
func (d *AuthDomain) endBrowserSession(w http.ResponseWriter, r *http.Request) Session {
	if effectOf(r).keepsSession() {
		return Session{}
	}
	d.clearCookies(w, r)
	ended, _ := d.db.endSession(d.now(), withCookie(cookies(r)))
	d.sendLogoutTokens(ended)
	return ended
}

// EndSession ends a Passport session at the auth domain, as when its user signs out in
// another application. Before it returns, the clients of the session have received
// their logout tokens. There are no front-channel iframes, because there is no page to
// show them. It returns false if no live session has that SID.
func (d *AuthDomain) EndSession(sid string) bool {
	ended, ok := d.db.endSession(d.now(), withSID(sid))
	if ok {
		d.sendLogoutTokens(ended)
	}
	return ok
}

func (c Client) firstLogoutURL() string {
	if len(c.LogoutURLs) == 0 {
		return ""
	}
	return c.LogoutURLs[0]
}

// allowsReturnTo ignores query and fragment, as Auth0 does.
func (c Client) allowsReturnTo(raw string) bool {
	if c.AnyLoopback && isLoopbackURL(raw) {
		return true
	}
	bare, ok := bareURL(raw)
	return ok && slices.ContainsFunc(c.LogoutURLs, func(allowed string) bool {
		a, ok := bareURL(allowed)
		return ok && a == bare
	})
}

// bareURL returns the part of a URL that is compared.
func bareURL(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", false
	}
	u.Host = strings.ToLower(u.Host)
	u.RawQuery, u.ForceQuery = "", false
	u.Fragment, u.RawFragment = "", ""
	return u.String(), true
}
