package doctor

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/jwt"
)

// providerFacts is what became known of the provider.
type providerFacts struct {
	origin       *url.URL
	answers      bool
	keys         string // jwks_uri
	revocation   string // revocation_endpoint
	basic        bool   // whether it takes client_secret_basic
	clock        time.Duration
	clockIsKnown bool
}

const (
	// clocksAgree is by how much clocks may differ without harm. The Date of a
	// response is exact to the second.
	clocksAgree = 5 * time.Second

	defaultLeeway = time.Minute
)

// checkProvider looks at the discovery document and what it leads to.
func (e *examination) checkProvider(ctx context.Context) {
	address := e.discoveryURL()
	if u, err := url.Parse(address); err == nil {
		e.provider.origin = u
	}
	res, err := e.get(ctx, address)
	if err != nil {
		e.unreachable("provider.unreachable", address, err)
		return
	}
	e.provider.answers = true
	e.checkExpiry(res)
	e.provider.clock, e.provider.clockIsKnown = res.clock, res.clockIsKnown
	e.checkClockHere()
	document, err := jwt.ParseObject([]byte(strings.TrimPrefix(res.body, "\ufeff")))
	if res.StatusCode != http.StatusOK || err != nil {
		e.find("discovery.unreadable", "%s answers %d, and not with a discovery document", place(res.Request.URL), res.StatusCode)
		return
	}
	e.checkDocument(document)
	e.provider.keys, _ = document.Text("jwks_uri")
	e.provider.revocation, _ = document.Text("revocation_endpoint")
	methods, listed := document.Texts("token_endpoint_auth_methods_supported")
	e.provider.basic = e.c.ClientAuth == passport.ClientSecretBasic || e.c.ClientAuth == "" && (!listed || slices.Contains(methods, "client_secret_basic"))
	if !e.c.Discover { // what the SDK uses
		known := authdomain.At(authdomain.OriginOf(res.Request.URL))
		e.provider.keys, e.provider.revocation, e.provider.basic = known.Keys, known.Revoke, e.c.ClientAuth == passport.ClientSecretBasic
	}
	if e.provider.keys != "" {
		e.checkKeys(ctx, e.provider.keys)
	}
}

// discoveryURL is where the document is. Without Config.Discover the SDK does not need
// it, but every auth domain has it.
func (e *examination) discoveryURL() string {
	base := e.c.Issuer
	if !e.c.Discover {
		origin, err := authdomain.Origin(or(e.c.AuthDomain, authdomain.Default))
		if err != nil {
			return ""
		}
		base = origin
	}
	if e.c.DiscoveryURL != "" {
		return e.c.DiscoveryURL
	}
	return strings.TrimSuffix(base, "/") + "/.well-known/openid-configuration"
}

func (e *examination) get(ctx context.Context, address string) (response, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return response{}, err
	}
	r.Header.Set("Accept", "application/json")
	return e.send(ctx, nil, r)
}

func (e *examination) checkClockHere() {
	if skew := e.provider.clock; e.provider.clockIsKnown && skew.Abs() > clocksAgree {
		e.find("clock.here", "this machine's clock is %s the provider's", aheadOf(-skew))
	}
}

// aheadOf says by how much one clock differs from another.
func aheadOf(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Second).String() + " behind"
	}
	return d.Round(time.Second).String() + " ahead of"
}

// leeway is Config.ClockLeeway with its default.
func (e *examination) leeway() time.Duration {
	switch d := e.c.ClockLeeway; {
	case d == 0:
		return defaultLeeway
	case d < 0:
		return 0
	default:
		return d
	}
}

// issuer is Config.Issuer with its default.
func (e *examination) issuer() string {
	if e.c.Issuer != "" || e.c.Discover {
		return e.c.Issuer
	}
	origin, _ := authdomain.Origin(or(e.c.AuthDomain, authdomain.Default))
	return origin + "/"
}

// checkDocument compares the document with the configuration.
func (e *examination) checkDocument(d jwt.Object) {
	if issuer, _ := d.Text("issuer"); issuer != e.issuer() {
		e.find("discovery.issuer", "the provider's issuer is %q, and Config.Issuer is %q", issuer, e.issuer())
	}
	e.checkAlgorithms(d)
	if methods, ok := d.Texts("code_challenge_methods_supported"); ok && !slices.Contains(methods, "S256") {
		e.find("discovery.no-pkce", "code_challenge_methods_supported is %q", methods)
	}
	if !e.c.Discover {
		return // the SDK knows the rest of Auth0
	}
	e.checkEndpoints(d)
	e.checkScopes(d)
	methods, ok := d.Texts("token_endpoint_auth_methods_supported")
	if e.c.ClientAuth != "" && ok && !slices.Contains(methods, string(e.c.ClientAuth)) {
		e.find("discovery.client-auth", "Config.ClientAuth is %s, and the provider lists %q", e.c.ClientAuth, methods)
	}
}

// checkEndpoints looks at what a discovered provider can do.
func (e *examination) checkEndpoints(d jwt.Object) {
	for name, id := range map[string]string{"end_session_endpoint": "discovery.no-logout", "revocation_endpoint": "discovery.no-revocation"} {
		if address, _ := d.Text(name); address == "" {
			e.find(id, "the discovery document has no %s", name)
		}
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint", "end_session_endpoint", "userinfo_endpoint"} {
		address, ok := d.Text(name)
		if !ok || address == "" {
			continue
		}
		if _, err := authdomain.ParseHTTP(address); err != nil {
			e.find("discovery.insecure", "its %s %v", name, err)
		}
	}
}

func (e *examination) checkScopes(d jwt.Object) {
	offered, ok := d.Texts("scopes_supported")
	if !ok {
		return
	}
	for _, scope := range e.c.Scopes {
		if !slices.Contains(offered, scope) {
			e.find("discovery.scope", "Config.Scopes has %q, and scopes_supported does not", scope)
		}
	}
}

// asymmetric are the algorithms that the SDK accepts for tokens.
var asymmetric = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"}

func (e *examination) checkAlgorithms(d jwt.Object) {
	offered, ok := d.Texts("id_token_signing_alg_values_supported")
	if ok && !slices.ContainsFunc(offered, func(alg string) bool { return slices.Contains(asymmetric, alg) }) {
		e.find("keys.algorithm", "id_token_signing_alg_values_supported is %q", offered)
	}
}
