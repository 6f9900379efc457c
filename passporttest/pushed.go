package passporttest

import (
	"maps"
	"net/http"
	"net/url"
	"time"
)

// A client may send its authorization request to /oauth/par, and the browser only with
// a reference to it, which is valid once (RFC 9126).

const (
	pushedPath = "/oauth/par"

	// requestURIPrefix is that of RFC 9126 §2.2.
	requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

	// requestURILifetime is Auth0's.
	requestURILifetime = 30 * time.Second
)

// pushedRequest is an authorization request that no browser has used yet.
type pushedRequest struct {
	clientID string
	params   url.Values
	expires  time.Time
}

func (d *AuthDomain) pushRequest(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	client, err := d.authenticate(r)
	if err == nil {
		err = checkPushed(client, r.PostForm)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	params := maps.Clone(r.PostForm)
	params.Set("client_id", client.ID)
	params.Del("client_secret")
	uri := requestURIPrefix + randomID()
	d.db.addPushed(uri, pushedRequest{client.ID, params, d.now().Add(requestURILifetime)})
	writeJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(requestURILifetime.Seconds())})
}

// checkPushed checks a request as /authorize does, before the browser brings it.
func checkPushed(client Client, params url.Values) *oauthError {
	if params.Has("request_uri") { // RFC 9126 §2.1
		return &oauthError{"invalid_request", "A pushed request must not have a request_uri"}
	}
	if !client.allowsRedirect(params.Get("redirect_uri")) {
		return &oauthError{"invalid_request", "This redirect_uri is not among the client's callback URLs."}
	}
	return (&authRequest{client: client, params: params}).check()
}

// requested returns the parameters of the request that a browser brings to /authorize:
// those that the client has pushed, if there are any. If it returns false it has
// responded.
func (d *AuthDomain) requested(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	if !r.Form.Has("request_uri") {
		return r.Form, true
	}
	pushed, ok := d.db.takePushed(r.Form.Get("request_uri"), r.Form.Get("client_id"), d.now())
	if !ok {
		errorPage(w, "Unknown request", "This request_uri has expired, was used before, or belongs to another client.", r.Form.Get("request_uri"))
		return nil, false
	}
	return pushed.params, true
}

func (db *database) addPushed(uri string, p pushedRequest) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.pushed == nil {
		db.pushed = make(map[string]pushedRequest)
	}
	db.pushed[uri] = p
}

// takePushed uses up the request of a client.
func (db *database) takePushed(uri, clientID string, now time.Time) (pushedRequest, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	p, ok := db.pushed[uri]
	if !ok || p.clientID != clientID {
		return pushedRequest{}, false
	}
	delete(db.pushed, uri)
	return p, !expired(p.expires, now)
}
