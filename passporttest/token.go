package passporttest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (d *AuthDomain) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	client, err := d.authenticate(r)
	if err != nil {
		writeError(w, err)
		return
	}
	answer, err := d.exchange(r, client)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (d *AuthDomain) exchange(r *http.Request, client Client) (map[string]any, *oauthError) {
	switch t := r.PostForm.Get("grant_type"); t {
	case "authorization_code":
		return d.exchangeCode(r, client)
	case "refresh_token":
		return d.refresh(r, client)
	case deviceGrantType:
		return d.exchangeDevice(r, client)
	case "":
		return nil, &oauthError{"invalid_request", "Missing required parameter: grant_type"}
	default:
		return nil, &oauthError{"unsupported_grant_type", "Unsupported grant type: " + t}
	}
}

// authenticate returns the client that sent the request (RFC 6749 §2.3.1). A public
// client may send an empty secret, because some libraries try the header first.
func (d *AuthDomain) authenticate(r *http.Request) (Client, *oauthError) {
	for name, values := range r.PostForm {
		if len(values) > 1 { // RFC 6749 §3.2
			return Client{}, &oauthError{"invalid_request", "Parameter sent more than once: " + name}
		}
	}
	id, secret, inHeader := basicAuth(r)
	if !inHeader {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id == "" {
		return Client{}, &oauthError{"invalid_request", "Missing required parameter: client_id"}
	}
	client, known := d.options.client(id)
	if !known || subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) != 1 {
		return Client{}, &oauthError{"invalid_client", "Unknown client, or wrong client secret"}
	}
	return client, nil
}

// basicAuth reads Basic authentication, whose parts are form-encoded (RFC 6749 §2.3.1).
func basicAuth(r *http.Request) (id, secret string, ok bool) {
	id, secret, ok = r.BasicAuth()
	if !ok {
		return "", "", false
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	return id, secret, errID == nil && errSecret == nil
}

func (d *AuthDomain) exchangeCode(r *http.Request, client Client) (map[string]any, *oauthError) {
	now := d.now()
	accept := func(c *code) *oauthError { return c.accepts(client, r.PostForm) }
	g, refreshToken, err := d.db.redeem(r.PostForm.Get("code"), now, expiry(now, d.options.RefreshTokenLifetime), accept)
	if err != nil {
		return nil, err
	}
	answer := d.tokens(r, g)
	setIfNotEmpty(answer, "refresh_token", refreshToken)
	return answer, nil
}

// accepts checks that the request comes from the client that the code was issued to
// (RFC 6749 §4.1.3, RFC 7636 §4.6).
func (c *code) accepts(client Client, form url.Values) *oauthError {
	if c.clientID != client.ID {
		return errBadCode
	}
	if c.redirectURI != form.Get("redirect_uri") {
		return &oauthError{"invalid_grant", "The redirect_uri is not the one of the authorization request"}
	}
	verifier := form.Get("code_verifier")
	if c.challenge == "" && verifier == "" {
		return nil
	}
	if sum := sha256.Sum256([]byte(verifier)); base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge {
		return &oauthError{"invalid_grant", "Failed to verify code verifier"}
	}
	return nil
}

func (d *AuthDomain) refresh(r *http.Request, client Client) (map[string]any, *oauthError) {
	value := r.PostForm.Get("refresh_token")
	if value == "" {
		return nil, &oauthError{"invalid_request", "Missing required parameter: refresh_token"}
	}
	g, next, err := d.renew(value, client.ID)
	if err != nil {
		return nil, err
	}
	// Only the first ID token has the nonce of the authentication request (OpenID
	// Connect Core 1.0 §12.2).
	g.nonce = ""
	if narrower := r.PostForm.Get("scope"); narrower != "" {
		g.scope = intersect(g.scope, narrower)
	}
	answer := d.tokens(r, g)
	setIfNotEmpty(answer, "refresh_token", next)
	return answer, nil
}

// renew returns the grant of a refresh token, and the next token if there is one.
func (d *AuthDomain) renew(value, clientID string) (grant, string, *oauthError) {
	if d.options.StaticRefreshTokens {
		g, err := d.db.use(value, clientID, d.now())
		return g, "", err
	}
	return d.db.rotate(value, clientID, d.now())
}

// tokens returns the response to a successful request (RFC 6749 §5.1), without a
// refresh token.
func (d *AuthDomain) tokens(r *http.Request, g grant) map[string]any {
	answer := map[string]any{
		"access_token": d.sign(d.accessClaims(g)),
		"token_type":   "Bearer",
		"scope":        g.scope,
	}
	if d.options.AccessTokenLifetime > 0 {
		answer["expires_in"] = int(d.options.AccessTokenLifetime.Seconds())
	}
	if hasScope(g.scope, "openid") {
		claims := d.idClaims(g)
		effectOf(r).editClaims(claims)
		answer["id_token"] = d.sign(claims)
	}
	return answer
}

func hasScope(scope, name string) bool {
	return slices.Contains(strings.Fields(scope), name)
}

// intersect returns the scopes in both lists, in the order of the first.
func intersect(granted, asked string) string {
	var both []string
	for _, name := range strings.Fields(granted) {
		if hasScope(asked, name) {
			both = append(both, name)
		}
	}
	return strings.Join(both, " ")
}
