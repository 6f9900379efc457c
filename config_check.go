package passport

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/internal/transport"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/storage/memory"
)

// config is a Config with its defaults filled in and its URLs normalised.
type config struct {
	Config
	authDomain string // origin
	apiDomain  string // origin
	endpoints  authdomain.Endpoints
	keys       *seal.Keys
	tenant     *envelope.Tenant
	pages      *pages.Set
	place      web.Place // LoginPath, LogoutPath and HomePath are those that browsers see
}

const (
	defaultSessionLifetime = 30 * 24 * time.Hour
	defaultIdleTimeout     = 7 * 24 * time.Hour
	defaultSilentTimeout   = 10 * time.Second
	defaultRevocationWait  = time.Second
	defaultRefreshWait     = time.Second

	defaultBearerLifetime = 24 * time.Hour

	defaultMaxSessionsPerUser = 100

	defaultHTTPTimeout = 10 * time.Second
	defaultClockLeeway = time.Minute
	maxClockLeeway     = 10 * time.Minute
)

// check checks c and fills in the defaults. Its error joins every problem.
func (c Config) check() (*config, error) {
	p := &problems{}
	s := &config{Config: c}
	if c.Now == nil {
		s.Now = time.Now
	}
	s.Environment = cmp.Or(c.Environment, Sandbox)
	if s.Environment != Sandbox && s.Environment != Production {
		p.add("Environment", "%q is unknown: use passport.Sandbox or passport.Production", c.Environment)
	}
	if c.ClientID == "" {
		p.add("ClientID", "is empty: set it to the ID of your Passport client in Hub")
	} else if c.ClientID != strings.TrimSpace(c.ClientID) {
		p.add("ClientID", "begins or ends with white space, which is no part of the ID: take it off")
	}
	s.checkURLs(p)
	s.checkPlace(p)
	s.checkLogout(p)
	s.checkScopes(p)
	s.checkStore(p)
	s.checkDurations(p)

	s.CookieName = cmp.Or(c.CookieName, "passport")
	if !web.IsCookieName(s.CookieName) {
		p.add("CookieName", "%q is not a cookie name of its own: use letters, digits and hyphens (the __Host- prefix is added by itself)", c.CookieName)
	}
	if c.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	var wrong []error
	s.pages, wrong = pages.NewSet(c.Pages, s.Logger)
	for _, err := range wrong {
		p.add("Pages", "%v", err)
	}
	s.HTTPClient = &http.Client{Timeout: defaultHTTPTimeout}
	if c.HTTPClient != nil {
		own := *c.HTTPClient
		s.HTTPClient = &own
	}
	if !p.isNil("HTTPClient", "has", s.HTTPClient.Transport) {
		s.HTTPClient.Transport = transport.Checked(s.HTTPClient.Transport)
	}
	return s, p.join()
}

func (c *config) checkURLs(p *problems) {
	if c.RedirectURI == "" && c.BearerTokens {
		// An API that only verifies.
	} else if c.RedirectURI == "" {
		p.add("RedirectURI", "is empty: set it to one of the redirect URIs of your Passport client in Hub")
	} else if u, err := authdomain.ParseHTTP(c.RedirectURI); err != nil {
		p.add("RedirectURI", "%v", err)
	} else {
		c.RedirectURI = u.Scheme + c.RedirectURI[len(u.Scheme):] // HTTPS: makes secure cookies too
	}
	if c.LogoutRedirectURI != "" {
		if _, err := authdomain.ParseHTTP(c.LogoutRedirectURI); err != nil {
			p.add("LogoutRedirectURI", "%v", err)
		}
	}
	c.checkProvider(p)
	c.tenant = envelope.NewTenant(c.Issuer, c.ClientID)

	var err error
	api := "https://api.sandbox.immutable.com"
	if c.Environment == Production {
		api = "https://api.immutable.com"
	}
	if c.apiDomain, err = authdomain.Origin(cmp.Or(c.APIDomain, api)); err != nil {
		p.add("APIDomain", "%v", err)
	}
}

// checkProvider finds out whose users these are.
func (c *config) checkProvider(p *problems) {
	c.checkClientAuth(p)
	c.LoginParams = c.checkParams(p, "LoginParams", c.LoginParams, loginParams)
	c.LogoutParams = c.checkParams(p, "LogoutParams", c.LogoutParams, logoutParams)
	if c.Discover {
		c.checkDiscovery(p)
		return
	}
	if c.Issuer != "" {
		if _, err := authdomain.ParseHTTP(c.Issuer); err != nil {
			p.add("Issuer", "%v", err)
		}
	}
	if c.DiscoveryURL != "" {
		p.add("DiscoveryURL", "does nothing without Discover: set that too")
	}
	if c.InsecureProviderHTTP {
		p.add("InsecureProviderHTTP", "does nothing without Discover: the auth domain has to use https")
	}
	if c.PushedRequests {
		p.add("PushedRequests", "does nothing without Discover: set that too")
	}
	var err error
	if c.authDomain, err = authdomain.Origin(cmp.Or(c.AuthDomain, authdomain.Default)); err != nil {
		p.add("AuthDomain", "%v", err)
	}
	c.endpoints = authdomain.At(c.authDomain)
	c.endpoints.Logout = provider.WithParams(c.endpoints.Logout, c.LogoutParams)
	c.Issuer = authdomain.Issuer(c.Issuer, c.AuthDomain)
}

func (c *config) checkDiscovery(p *problems) {
	parse := authdomain.ParseHTTP
	if c.InsecureProviderHTTP {
		parse = authdomain.ParseInsecureHTTP
	}
	if c.AuthDomain != "" {
		p.add("AuthDomain", "does not go with Discover: leave it empty, for the endpoints come from the provider")
	}
	if c.DiscoveryURL != "" {
		if _, err := parse(c.DiscoveryURL); err != nil {
			p.add("DiscoveryURL", "%v", err)
		}
	} else if strings.Contains(c.Issuer, provider.TenantPlaceholder) {
		p.add("DiscoveryURL", "is empty, and Issuer stands for many tenants: set it to the address of the discovery document")
	}
	if c.Issuer == "" {
		p.add("Issuer", "is empty: set it to the issuer of the provider that is to be discovered")
		return
	}
	issuer, err := parse(c.Issuer)
	if err != nil {
		p.add("Issuer", "%v", err)
		return
	}
	c.authDomain = authdomain.OriginOf(issuer)
}

func (c *config) checkClientAuth(p *problems) {
	if c.ClientKey != nil && !p.isNil("ClientKey", "is", c.ClientKey) {
		if _, err := provider.KeyAlgorithm(c.ClientKey); err != nil {
			p.add("ClientKey", "%v", err)
		}
	}
	switch c.ClientAuth {
	case "", TLSClientAuth:
	case ClientSecretBasic, ClientSecretPost:
		if c.ClientSecret == "" {
			p.add("ClientAuth", "is %s: set ClientSecret too", c.ClientAuth)
		}
	case PrivateKeyJWT:
		if c.ClientKey == nil {
			p.add("ClientAuth", "is %s: set ClientKey too", c.ClientAuth)
		}
	default:
		p.add("ClientAuth", "%q is unknown: use passport.ClientSecretBasic, ClientSecretPost, PrivateKeyJWT or TLSClientAuth", c.ClientAuth)
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

func (c *config) checkParams(p *problems, field string, params map[string]string, reserved []string) map[string]string {
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

func (c *config) checkScopes(p *problems) {
	if !c.Discover {
		c.Audience = cmp.Or(c.Audience, "platform_api")
	}
	if len(c.Scopes) == 0 {
		c.Scopes = nil // the provider's metadata decides
		return
	}
	c.Scopes = slices.Clone(c.Scopes)
	for _, scope := range c.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\r\n\"\\") {
			p.add("Scopes", "%q is not one scope: give each scope an element of its own", scope)
		}
	}
	if !slices.Contains(c.Scopes, "openid") {
		p.add("Scopes", `lacks "openid", without which there is no ID token: add it`)
	}
}

// checkPlace finds out where the program stands, and brings the paths of the Config
// to the form that browsers see.
func (c *config) checkPlace(p *problems) {
	c.LoginPath, c.LogoutPath, c.HomePath = cmp.Or(c.LoginPath, "/login"), cmp.Or(c.LogoutPath, "/logout"), cmp.Or(c.HomePath, "/")
	for field, path := range map[string]string{"LoginPath": c.LoginPath, "LogoutPath": c.LogoutPath} {
		if !web.IsLocalPath(path) || strings.ContainsAny(path, "?#") {
			p.add(field, "must be a path of this site that begins with a single slash, without query or fragment")
		}
	}
	if !web.IsLocalPath(c.HomePath) {
		p.add("HomePath", "must be a path of this site that begins with a single slash")
	}
	c.checkOrigins(p)
	if c.BaseURL != "" {
		c.checkBase(p)
	}
	for _, path := range []*string{&c.LoginPath, &c.LogoutPath, &c.HomePath} {
		*path = c.place.Public(*path)
	}
}

// checkOrigins brings the trusted origins to the form in which browsers name them.
func (c *config) checkOrigins(p *problems) {
	var origins []string
	for _, raw := range c.TrustedOrigins {
		origin, err := authdomain.Origin(raw)
		if err != nil || !strings.Contains(raw, "://") {
			p.add("TrustedOrigins", "%q is not an origin: write it in full, such as https://app.example.com; there are no wildcards", raw)
			continue
		}
		origins = append(origins, origin)
	}
	c.TrustedOrigins = origins
}

func (c *config) checkBase(p *problems) {
	base, err := authdomain.ParseHTTP(c.BaseURL)
	if err != nil {
		p.add("BaseURL", "%v", err)
		return
	}
	if base.RawQuery != "" || base.ForceQuery {
		p.add("BaseURL", "must not have a query")
		return
	}
	var ok bool
	if c.place, ok = web.PlaceAt(base); !ok {
		p.add("BaseURL", "must have a path that begins with a single slash")
	}
	redirect, err := authdomain.ParseHTTP(c.RedirectURI)
	if err != nil {
		return // reported with RedirectURI
	}
	if is, want := authdomain.OriginOf(base), authdomain.OriginOf(redirect); is != want {
		p.add("BaseURL", "is at %s and RedirectURI at %s, whose cookies are not the same: use one of the two for both", is, want)
	} else if !c.place.Below(redirect.Path) {
		p.add("RedirectURI", "is not below BaseURL: put it there, or make BaseURL the address that both are below")
	}
}

func (c *config) checkLogout(p *problems) {
	c.LogoutMode = cmp.Or(c.LogoutMode, LogoutRedirect)
	switch {
	case c.LogoutMode != LogoutRedirect && c.LogoutMode != LogoutSilent:
		p.add("LogoutMode", "%q is unknown: use passport.LogoutRedirect or passport.LogoutSilent", c.LogoutMode)
	case c.LogoutMode == LogoutSilent && c.LogoutRedirectURI == "":
		p.add("LogoutRedirectURI", "is empty, and a silent logout could never complete: set it to a logout URI registered in Hub and serve Passport.LogoutSilentCallback there, or use passport.LogoutRedirect")
	}
	c.SilentFallback = cmp.Or(c.SilentFallback, FallbackRedirect)
	if c.SilentFallback != FallbackRedirect && c.SilentFallback != FallbackReport {
		p.add("SilentFallback", "%q is unknown: use passport.FallbackRedirect or passport.FallbackReport", c.SilentFallback)
	}
}

func (c *config) checkStore(p *problems) {
	given := len(c.EncryptionKeys) > 0
	keys := c.checkKeys(p)
	if c.Store == nil {
		c.Store = memory.New(memory.Options{Now: c.Now})
	}
	p.isNil("Store", "is", c.Store)
	if _, inProcess := c.Store.(*memory.Store); !inProcess && !given {
		p.add("EncryptionKeys", "is empty, but the Store keeps sessions outside this process: add a key of 32 random bytes, the same on every instance; make one with: openssl rand -base64 32")
	}
	var err error
	if c.keys, err = seal.New(keys); err != nil {
		p.add("EncryptionKeys", "%v", err)
	}
}

// checkKeys takes the keys out of the Config, and returns copies of the usable
// ones.
func (c *config) checkKeys(p *problems) [][]byte {
	var usable [][]byte
	for i, key := range c.EncryptionKeys {
		if problem := keyProblem(key, c.EncryptionKeys[:i]); problem != "" {
			p.add("EncryptionKeys", "key %d %s: each must be 32 random bytes of its own; make one with: openssl rand -base64 32", i+1, problem)
			continue
		}
		usable = append(usable, bytes.Clone(key))
	}
	c.EncryptionKeys = nil // not needed again, and not to be found
	return usable
}

// keyProblem says what is wrong with a key, without its value. That a key was drawn
// at random cannot be seen, only that it was not.
func keyProblem(key []byte, before [][]byte) string {
	switch {
	case len(key) != seal.KeySize:
		return fmt.Sprintf("is %d bytes long", len(key))
	case repeats(key):
		return "is one byte, or a few, repeated"
	case slices.ContainsFunc(before, func(other []byte) bool { return bytes.Equal(other, key) }):
		return "is there twice"
	}
	return ""
}

// repeats reports whether a key is a shorter one over and over: zeros, most often.
func repeats(key []byte) bool {
	for n := 1; n <= len(key)/2; n++ {
		if bytes.Equal(key[n:], key[:len(key)-n]) {
			return true
		}
	}
	return false
}

func (c *config) checkDurations(p *problems) {
	for field, d := range map[string]time.Duration{
		"SessionLifetime": c.SessionLifetime,
		"IdleTimeout":     c.IdleTimeout,
		"SilentTimeout":   c.SilentTimeout,
		"RevocationWait":  c.RevocationWait,
		"RefreshWait":     c.RefreshWait,
		"ClockLeeway":     c.ClockLeeway,
		"BearerLifetime":  c.BearerLifetime,
	} {
		if d > 0 && d < time.Millisecond {
			p.add(field, "is %v, which can hardly be meant: give it a unit, such as 10*time.Second", d)
		}
	}
	if c.SessionLifetime < 0 {
		p.add("SessionLifetime", "is negative, but a session must end at some time: set a positive duration, or 0 for 30 days")
	}
	if c.BearerLifetime < 0 {
		p.add("BearerLifetime", "is negative, but marks of logouts must end at some time: set a positive duration, or 0 for 24 h")
	}
	if c.SilentTimeout < 0 {
		p.add("SilentTimeout", "is negative, but a silent logout must end at some time: set a positive duration, or 0 for 10 s")
	}
	if c.ClockLeeway > maxClockLeeway {
		p.add("ClockLeeway", "is %v: a clock that is off by more than %v has to be set right", c.ClockLeeway, maxClockLeeway)
	}
	c.ClockLeeway = max(cmp.Or(c.ClockLeeway, defaultClockLeeway), 0)
	c.SessionLifetime = cmp.Or(c.SessionLifetime, defaultSessionLifetime)
	c.IdleTimeout = max(cmp.Or(c.IdleTimeout, defaultIdleTimeout), 0)
	c.BearerLifetime = cmp.Or(c.BearerLifetime, defaultBearerLifetime)
	c.SilentTimeout = cmp.Or(c.SilentTimeout, defaultSilentTimeout)
	c.RevocationWait = max(cmp.Or(c.RevocationWait, defaultRevocationWait), 0)
	c.RefreshWait = max(cmp.Or(c.RefreshWait, defaultRefreshWait), 0)
	c.MaxSessionsPerUser = cmp.Or(c.MaxSessionsPerUser, defaultMaxSessionsPerUser)
}

// problems collects what is wrong with a Config.
type problems struct{ errs []error }

func (p *problems) add(field, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("passport: Config.%s %s", field, fmt.Sprintf(format, args...)))
}

// isNil adds a problem if a field is, or has, a nil pointer, such as that of a constructor
// whose error was ignored: it does not equal nil, and the first call would panic.
func (p *problems) isNil(field, verb string, value any) bool {
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Pointer || !v.IsNil() {
		return false
	}
	p.add(field, "%s a nil %T: check the error of the function that made it, or leave it out", verb, value)
	return true
}

func (p *problems) join() error { return errors.Join(p.errs...) }
