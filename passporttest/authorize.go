package passporttest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const codeLifetime = 10 * time.Minute

// authRequest is an authentication request (OpenID Connect Core 1.0 §3.1.2.1)
// whose client and redirect URI have been checked.
type authRequest struct {
	client      Client
	redirectURI string
	state       string
	params      url.Values
}

func (d *AuthDomain) authorize(w http.ResponseWriter, r *http.Request) {
	params, ok := d.requested(w, r)
	if !ok {
		return
	}
	req, ok := d.authRequest(w, r, params)
	if !ok {
		return
	}
	if (d.options.RequirePushedRequests || req.client.RequirePushedRequests) && !r.Form.Has("request_uri") {
		req.fail(w, r, &oauthError{"invalid_request", "The request has to be pushed first"})
		return
	}
	if code := effectOf(r).errorCode(); code != "" {
		req.fail(w, r, &oauthError{code, "The test asked for this error."})
		return
	}
	session, signedIn := d.session(r)
	if signedIn && !req.wantsLogin(session.AuthTime, d.now()) {
		d.finishLogin(w, r, req, session)
		return
	}
	if req.hasPrompt("none") {
		req.fail(w, r, &oauthError{"login_required", "Login required"})
		return
	}
	if d.options.AutoLogin {
		d.finishLogin(w, r, req, d.signIn(w, r, d.options.userByEmail(req.hint())))
		return
	}
	redirect(w, r, d.endpoint(loginPath), req.params)
}

// authRequest reads and checks the request. If it returns false it has responded:
// with a page if the redirect URI cannot be trusted, otherwise with an error that is
// sent to the client.
func (d *AuthDomain) authRequest(w http.ResponseWriter, r *http.Request, params url.Values) (*authRequest, bool) {
	client, known := d.options.client(params.Get("client_id"))
	if !known {
		errorPage(w, "Unknown client", "No application is registered under this client_id.", params.Get("client_id"))
		return nil, false
	}
	uri := params.Get("redirect_uri")
	if !client.allowsRedirect(uri) {
		errorPage(w, "Callback URL mismatch", "This redirect_uri is not among the client's callback URLs.", uri)
		return nil, false
	}
	req := &authRequest{client: client, redirectURI: uri, state: params.Get("state"), params: params}
	if err := req.check(); err != nil {
		req.fail(w, r, err)
		return nil, false
	}
	return req, true
}

func (q *authRequest) check() *oauthError {
	for name, values := range q.params {
		if len(values) > 1 {
			return &oauthError{"invalid_request", "Parameter sent more than once: " + name}
		}
	}
	if t := q.params.Get("response_type"); t != "code" {
		return &oauthError{"unsupported_response_type", "Unsupported response type: " + t}
	}
	if m := q.params.Get("response_mode"); m != "" && m != "query" {
		return &oauthError{"invalid_request", "Unsupported response mode: " + m}
	}
	if q.hasPrompt("none") && len(q.prompts()) > 1 {
		return &oauthError{"invalid_request", "prompt=none cannot be combined with another value"}
	}
	if age := q.params.Get("max_age"); age != "" {
		if seconds, err := strconv.Atoi(age); err != nil || seconds < 0 {
			return &oauthError{"invalid_request", "max_age is not a number of seconds"}
		}
	}
	return q.checkPKCE()
}

// checkPKCE follows RFC 7636 §4.4.1, without the method "plain", which no
// client needs (OAuth 2.0 Security Best Current Practice, RFC 9700 §2.1.1).
func (q *authRequest) checkPKCE() *oauthError {
	challenge, method := q.params.Get("code_challenge"), q.params.Get("code_challenge_method")
	if challenge == "" && q.client.confidential() && method == "" {
		return nil
	}
	if challenge == "" {
		return &oauthError{"invalid_request", "Parameter 'code_challenge' is required"}
	}
	if method != "S256" {
		return &oauthError{"invalid_request", "Parameter 'code_challenge_method' must be S256"}
	}
	return nil
}

func (q *authRequest) prompts() []string { return strings.Fields(q.params.Get("prompt")) }

func (q *authRequest) hasPrompt(value string) bool { return slices.Contains(q.prompts(), value) }

// hint is the e-mail address that the client expects the user to have.
func (q *authRequest) hint() string {
	if email := q.params.Get("email"); email != "" {
		return email
	}
	return q.params.Get("login_hint")
}

// wantsLogin reports whether a user who signed in at authTime must sign in
// once more.
func (q *authRequest) wantsLogin(authTime, now time.Time) bool {
	if q.hasPrompt("login") || q.hasPrompt("select_account") {
		return true
	}
	age := q.params.Get("max_age")
	if age == "" {
		return false
	}
	seconds, _ := strconv.Atoi(age) // checked
	return seconds == 0 || now.Sub(authTime) > time.Duration(seconds)*time.Second
}

// fail sends the browser back to the client with an error.
func (q *authRequest) fail(w http.ResponseWriter, r *http.Request, e *oauthError) {
	answer := url.Values{"error": {e.Code}, "error_description": {e.Description}}
	q.answer(w, r, answer)
}

func (q *authRequest) answer(w http.ResponseWriter, r *http.Request, params url.Values) {
	if q.state != "" {
		params.Set("state", q.state)
	}
	redirect(w, r, q.redirectURI, params)
}

// finishLogin sends the browser back to the client with a code.
func (d *AuthDomain) finishLogin(w http.ResponseWriter, r *http.Request, req *authRequest, s Session) {
	value := randomID()
	d.db.addCode(value, &code{
		grant: grant{
			clientID: req.client.ID,
			user:     s.User,
			sid:      s.SID,
			authTime: s.AuthTime,
			scope:    req.params.Get("scope"),
			audience: req.params.Get("audience"),
			nonce:    req.params.Get("nonce"),
		},
		redirectURI: req.redirectURI,
		challenge:   req.params.Get("code_challenge"),
		expires:     d.now().Add(codeLifetime),
	})
	req.answer(w, r, url.Values{"code": {value}})
}
