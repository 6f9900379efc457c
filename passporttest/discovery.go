package passporttest

import "net/http"

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/.well-known/jwks.json"
)

// cachePublicly allows caching a response for as long as Auth0 does.
func cachePublicly(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400")
}

// discovery serves the metadata (OpenID Connect Discovery 1.0 §3), with the members
// that Auth0 sends.
func (d *AuthDomain) discovery(w http.ResponseWriter, _ *http.Request) {
	cachePublicly(w)
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                d.Issuer(),
		"authorization_endpoint":                d.endpoint("/authorize"),
		"token_endpoint":                        d.endpoint("/oauth/token"),
		"userinfo_endpoint":                     d.endpoint("/userinfo"),
		"jwks_uri":                              d.endpoint(keysPath),
		"revocation_endpoint":                   d.endpoint("/oauth/revoke"),
		"end_session_endpoint":                  d.endpoint("/oidc/logout"),
		"device_authorization_endpoint":         d.endpoint("/oauth/device/code"),
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", deviceGrantType},
		"code_challenge_methods_supported":      []string{"S256"},
		"subject_types_supported":               []string{"public"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"claims_supported": []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "sid", "email", "nickname", "username", "passport",
		},
		"backchannel_logout_supported":          true,
		"backchannel_logout_session_supported":  true,
		"frontchannel_logout_supported":         true,
		"frontchannel_logout_session_supported": true,
		"request_uri_parameter_supported":       false,
		"request_parameter_supported":           false,
		"pushed_authorization_request_endpoint": d.endpoint(pushedPath),
		"require_pushed_authorization_requests": d.options.RequirePushedRequests,
	})
}
