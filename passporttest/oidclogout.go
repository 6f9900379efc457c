package passporttest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4/jwt"
)

const confirmPath = "/oidc/logout/confirm"

// endSessionRequest is a logout request (OpenID Connect RP-Initiated Logout 1.0
// §2) that has been checked.
type endSessionRequest struct {
	client Client // its ID is empty if the request names none
	sid    string // from id_token_hint or logout_hint; empty: none was sent
	target string // where the browser goes afterwards; empty: nowhere
	params url.Values
}

// oidcLogout accepts GET and POST (§2.1). Like Auth0 it asks the user first, unless a
// hint shows that the client knows the session in this browser.
func (d *AuthDomain) oidcLogout(w http.ResponseWriter, r *http.Request) {
	req, ok := d.endSessionRequest(w, r)
	if !ok {
		return
	}
	session, signedIn := d.session(r)
	if signedIn && (d.options.ConfirmLogout || req.sid != session.SID) {
		page(w, http.StatusOK, "confirm.html", confirmData{
			Title:  "Sign out?",
			Client: req.client.ID,
			User:   session.User.name(),
			Action: d.endpoint(confirmPath),
			Params: req.params,
		})
		return
	}
	d.signOut(w, r, req.target)
}

// confirmLogout handles the page's form. A user who stays signed in is sent back to the
// client too, so that coming back proves nothing: some providers do that.
func (d *AuthDomain) confirmLogout(w http.ResponseWriter, r *http.Request) {
	req, ok := d.endSessionRequest(w, r)
	if !ok {
		return
	}
	if r.PostForm.Get("decision") == "yes" {
		d.signOut(w, r, req.target)
		return
	}
	if req.target == "" {
		stillSignedInPage(w)
		return
	}
	redirect(w, r, req.target, nil)
}

// endSessionRequest reads and checks the request. If it returns false it has responded
// with a page, and nothing ends (§4).
func (d *AuthDomain) endSessionRequest(w http.ResponseWriter, r *http.Request) (*endSessionRequest, bool) {
	params := maps.Clone(r.Form)
	params.Del("decision") // only the user's form may set it
	req := &endSessionRequest{sid: params.Get("logout_hint"), params: params}
	id := params.Get("client_id")
	if hint := params.Get("id_token_hint"); hint != "" {
		clientID, sid, problem := d.checkHint(hint, id, req.sid)
		if problem != "" {
			errorPage(w, "The id_token_hint is not valid", problem, "")
			return nil, false
		}
		id, req.sid = clientID, sid
	}
	client, known := d.options.client(id)
	if id != "" && !known {
		errorPage(w, "Unknown client", "No application is registered under this client_id.", id)
		return nil, false
	}
	req.client = client
	uri := params.Get("post_logout_redirect_uri")
	if uri == "" {
		uri = client.firstLogoutURL()
	} else if !d.allowsPostLogout(client, params.Has("client_id"), uri) {
		errorPage(w, "Logout URL not allowed", "This post_logout_redirect_uri is not among the allowed logout URLs.", uri)
		return nil, false
	}
	req.target = withState(uri, params.Get("state"))
	return req, true
}

func withState(uri, state string) string {
	if uri == "" || state == "" {
		return uri
	}
	return addQuery(uri, url.Values{"state": {state}})
}

// checkHint returns the client and the session that an ID token names. It accepts an
// expired token, because users log out late (§2).
func (d *AuthDomain) checkHint(hint, clientID, sid string) (aud, hintSID, problem string) {
	var claims struct {
		Issuer   string       `json:"iss"`
		Audience jwt.Audience `json:"aud"`
		SID      string       `json:"sid"`
	}
	if err := d.verify(hint, &claims); err != nil || claims.Issuer != d.Issuer() || len(claims.Audience) == 0 {
		return "", "", "It is not an ID token of this auth domain."
	}
	if clientID != "" && !slices.Contains(claims.Audience, clientID) {
		return "", "", "It was issued to another client than client_id."
	}
	if sid != "" && sid != claims.SID {
		return "", "", "It names another session than logout_hint."
	}
	return claims.Audience[0], claims.SID, ""
}

// allowsPostLogout compares exactly (§3.1). The tenant's list applies to requests
// without a client_id, as at Auth0.
func (d *AuthDomain) allowsPostLogout(c Client, byClientID bool, uri string) bool {
	if slices.Contains(c.LogoutURLs, uri) || c.AnyLoopback && isLoopbackURL(uri) {
		return true
	}
	return !byClientID && slices.Contains(d.options.LogoutURLs, uri)
}
