package passport

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/provider"
)

// ClientAuth is how a client authenticates to its provider (OpenID Connect Core
// 1.0 §9, RFC 8705 §2).
type ClientAuth string

// The ways to authenticate. A client must use the one that it is registered with.
const (
	// ClientSecretBasic and ClientSecretPost send Config.ClientSecret: in the
	// Authorization header, encoded as RFC 6749 §2.3.1 says, or in the form.
	ClientSecretBasic ClientAuth = "client_secret_basic"
	ClientSecretPost  ClientAuth = "client_secret_post"

	// PrivateKeyJWT signs an assertion with Config.ClientKey (RFC 7523).
	PrivateKeyJWT ClientAuth = "private_key_jwt"

	// TLSClientAuth presents the certificate that the transport of
	// Config.HTTPClient is configured with (RFC 8705).
	TLSClientAuth ClientAuth = "tls_client_auth"
)

// settleProvider finds out whose users these are.
func (s *settled) settleProvider(p *problems) {
	s.settleClientAuth(p)
	s.LoginParams = s.settleParams(p, "LoginParams", s.LoginParams, loginParams)
	s.LogoutParams = s.settleParams(p, "LogoutParams", s.LogoutParams, logoutParams)
	if s.Discover {
		s.settleDiscovery(p)
		return
	}
	if s.Issuer != "" {
		if _, err := authdomain.ParseHTTP(s.Issuer); err != nil {
			p.add("Issuer", "%v", err)
		}
	}
	if s.DiscoveryURL != "" {
		p.add("DiscoveryURL", "does nothing without Discover: set that too")
	}
	if s.InsecureProviderHTTP {
		p.add("InsecureProviderHTTP", "does nothing without Discover: the auth domain has to use https")
	}
	var err error
	if s.authDomain, err = authdomain.Origin(either(s.AuthDomain, authdomain.Default)); err != nil {
		p.add("AuthDomain", "%v", err)
	}
	s.endpoints = authdomain.At(s.authDomain)
	s.endpoints.Logout = provider.WithParams(s.endpoints.Logout, s.LogoutParams)
	s.Issuer = either(s.Issuer, s.authDomain+"/")
}

func (s *settled) settleDiscovery(p *problems) {
	parse := authdomain.ParseHTTP
	if s.InsecureProviderHTTP {
		parse = authdomain.ParseInsecureHTTP
	}
	if s.AuthDomain != "" {
		p.add("AuthDomain", "does not go with Discover: leave it empty, for the endpoints come from the provider")
	}
	if s.DiscoveryURL != "" {
		if _, err := parse(s.DiscoveryURL); err != nil {
			p.add("DiscoveryURL", "%v", err)
		}
	} else if strings.Contains(s.Issuer, provider.TenantPlaceholder) {
		p.add("DiscoveryURL", "is empty, and Issuer stands for many tenants: set it to the address of the discovery document")
	}
	if s.Issuer == "" {
		p.add("Issuer", "is empty: set it to the issuer of the provider that is to be discovered")
		return
	}
	issuer, err := parse(s.Issuer)
	if err != nil {
		p.add("Issuer", "%v", err)
		return
	}
	s.authDomain = authdomain.OriginOf(issuer)
}

func (s *settled) settleClientAuth(p *problems) {
	if s.ClientKey != nil {
		if _, err := provider.KeyAlgorithm(s.ClientKey); err != nil {
			p.add("ClientKey", "%v", err)
		}
	}
	switch s.ClientAuth {
	case "", TLSClientAuth:
	case ClientSecretBasic, ClientSecretPost:
		if s.ClientSecret == "" {
			p.add("ClientAuth", "is %s: set ClientSecret too", s.ClientAuth)
		}
	case PrivateKeyJWT:
		if s.ClientKey == nil {
			p.add("ClientAuth", "is %s: set ClientKey too", s.ClientAuth)
		}
	default:
		p.add("ClientAuth", "%q is unknown: use passport.ClientSecretBasic, ClientSecretPost, PrivateKeyJWT or TLSClientAuth", s.ClientAuth)
	}
}

// loginParams and logoutParams are the parameters that the SDK sets itself, and
// those that would undo what it promises.
var (
	loginParams = []string{
		"audience", "claims", "client_assertion", "client_assertion_type", "client_id", "client_secret", "code_challenge",
		"code_challenge_method", "direct", "email", "id_token_hint", "marketingConsent", "max_age", "nonce", "prompt",
		"redirect_uri", "request", "request_uri", "response_mode", "response_type", "scope", "state", "ui_locales",
	}
	logoutParams = []string{
		"client_id", "federated", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "returnTo", "state", "ui_locales",
	}
)

func (s *settled) settleParams(p *problems, field string, params map[string]string, reserved []string) map[string]string {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch {
		case name == "":
			p.add(field, "has a parameter without a name")
		case slices.Contains(reserved, name):
			p.add(field, "must not set %s, which is the SDK's to set", url.QueryEscape(name))
		}
	}
	return maps.Clone(params)
}

func (s *settled) settleScopes(p *problems) {
	if !s.Discover {
		s.Audience = either(s.Audience, "platform_api")
	}
	if len(s.Scopes) == 0 {
		s.Scopes = nil // the provider's metadata decides
		return
	}
	s.Scopes = slices.Clone(s.Scopes)
	for _, scope := range s.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\r\n\"\\") {
			p.add("Scopes", "%q is not one scope: give each scope an element of its own", scope)
		}
	}
	if !slices.Contains(s.Scopes, "openid") {
		p.add("Scopes", `lacks "openid", without which there is no ID token: add it`)
	}
}
