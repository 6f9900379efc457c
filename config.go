package passport

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/passport-go/passport/internal/textconfig"
	"github.com/passport-go/passport/page"
	"github.com/passport-go/passport/storage"
)

// Environment chooses which of Immutable's APIs the tokens are for. Both
// environments share one auth domain.
type Environment string

// The environments. The default is Sandbox.
const (
	Sandbox    Environment = "sandbox"
	Production Environment = "production"
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

// LogoutMode says how the browser ends the Passport session.
type LogoutMode string

// The logout modes. The default is LogoutRedirect.
const (
	// LogoutRedirect sends the browser to the auth domain and from there back
	// to LogoutRedirectURI.
	LogoutRedirect LogoutMode = "redirect"

	// LogoutSilent visits the auth domain in a hidden iframe. It needs a
	// LogoutRedirectURI at which LogoutSilentCallback is served.
	LogoutSilent LogoutMode = "silent"
)

// SilentFallback says what happens if a silent logout does not complete: it was
// refused, lost, or took longer than SilentTimeout.
type SilentFallback string

// The fallbacks. The default is FallbackRedirect.
const (
	// FallbackRedirect replaces it by a top-level redirect through the same
	// LogoutRedirectURI.
	FallbackRedirect SilentFallback = "redirect"

	// FallbackReport stays on the page and reports the failure to the caller of
	// passport.logout(), with the URL that finishes the logout.
	FallbackReport SilentFallback = "report"
)

// Config is what [New] builds a [Passport] from. ClientID and RedirectURI are
// required; for all other fields the zero value is a good default. New copies it,
// so later changes have no effect.
//
// For durations, 0 means the default and a negative value means off.
type Config struct {
	// Environment is Sandbox or Production. Default: Sandbox.
	Environment Environment `json:"environment" yaml:"environment"`

	// PublishableKey is the publishable API key from Hub. [Session.Client] sends it
	// as x-immutable-publishable-key. Default: none.
	PublishableKey string `json:"publishable_key" yaml:"publishable_key"`

	// ClientID is the Passport client's ID from Hub. Required.
	ClientID string `json:"client_id" yaml:"client_id"`

	// ClientSecret is for confidential clients. Default: none, a public
	// client, which PKCE protects.
	ClientSecret Secret `json:"client_secret" yaml:"client_secret" file:"client_secret_file"`

	// ClientAuth is how the client authenticates; see [ClientAuth]. Default:
	// private_key_jwt with a ClientKey; none without a ClientSecret; otherwise
	// client_secret_basic or client_secret_post, whichever the provider lists; for
	// the Passport auth domain, client_secret_post.
	ClientAuth ClientAuth `json:"client_auth" yaml:"client_auth"`

	// ClientKey is the key of private_key_jwt (OpenID Connect Core 1.0 §9): RSA of
	// 2048 bits or more (RS256), ECDSA on P-256, P-384 or P-521 (ES256 to ES512),
	// or Ed25519 (EdDSA). It may be in a key management service. Default: none.
	ClientKey crypto.Signer `json:"-" yaml:"-"`

	// ClientKeyID is the kid of ClientKey. Default: none.
	ClientKeyID string `json:"client_key_id" yaml:"client_key_id"`

	// RedirectURI is where the auth domain sends the browser after a login,
	// one of the redirect URIs registered in Hub; LoginCallback is served
	// there. Its scheme decides the cookies: https makes them Secure with the
	// __Host- prefix; http is accepted on loopback hosts only. Required, unless
	// BearerTokens is set: an API that signs nobody in needs none.
	RedirectURI string `json:"redirect_uri" yaml:"redirect_uri"`

	// LogoutRedirectURI is where the auth domain sends the browser after a
	// logout, one of the logout URIs registered in Hub. In silent mode
	// LogoutSilentCallback is served there. Default: in redirect mode, the
	// first logout URI registered for the client; silent mode requires one.
	LogoutRedirectURI string `json:"logout_redirect_uri" yaml:"logout_redirect_uri"`

	// LogoutMode is LogoutRedirect or LogoutSilent. Default: LogoutRedirect.
	LogoutMode LogoutMode `json:"logout_mode" yaml:"logout_mode"`

	// Audience is the API that access tokens are for. Default: platform_api; none with
	// Discover.
	Audience string `json:"audience" yaml:"audience"`

	// Scopes default to openid, profile, email, offline_access and transact. With
	// Discover they default to those of openid, profile, email and offline_access
	// that the provider's scopes_supported lists; without that list, to the first
	// three. openid is required; without offline_access most providers issue no
	// refresh token, and a session cannot call the API once its access token has
	// expired.
	Scopes []string `json:"scopes" yaml:"scopes"`

	// AuthDomain is the origin of the auth domain, such as
	// https://auth.example.com, for tests and for Auth0 tenants of your own. Default:
	// https://auth.immutable.com.
	AuthDomain string `json:"auth_domain" yaml:"auth_domain"`

	// Issuer is the issuer (iss) of the provider's tokens. For a provider of many
	// tenants it may contain {tenantid}, as the discovery documents of Microsoft Entra
	// do: it stands for each token's own tid. Default: AuthDomain and a slash, as on
	// Auth0; required with Discover.
	Issuer string `json:"issuer" yaml:"issuer"`

	// Discover supports any OpenID provider as the Issuer, not only Auth0: the
	// endpoints are read from its discovery document when they are first needed,
	// and logout is OpenID Connect RP-Initiated Logout 1.0 instead of Auth0's
	// /v2/logout. It requires Issuer and excludes AuthDomain; Audience then has no
	// default. Default: the endpoints of the Passport auth domain.
	Discover bool `json:"discover" yaml:"discover"`

	// DiscoveryURL is the address of the discovery document if it is not below the
	// issuer, as with Azure AD B2C. The issuer in the document must still be
	// Issuer. It requires Discover. Default: Issuer and
	// /.well-known/openid-configuration.
	DiscoveryURL string `json:"discovery_url" yaml:"discovery_url"`

	// InsecureProviderHTTP allows plain http to a discovered provider on any host,
	// for example inside a cluster. Whoever can read that traffic sees every code
	// and token, and whoever can change it can sign in as anybody. Default: http on
	// loopback hosts only.
	InsecureProviderHTTP bool `json:"insecure_provider_http" yaml:"insecure_provider_http"`

	// PushedRequests sends each login's request to a discovered provider before the
	// browser goes there (RFC 9126), for a client whose registration requires that
	// (§6). Default: only if the provider's metadata requires it of all clients (§5).
	PushedRequests bool `json:"pushed_requests" yaml:"pushed_requests"`

	// LoginParams and LogoutParams are additional parameters for each login and
	// logout, such as access_type=offline for Google or logout_uri for Amazon
	// Cognito. Names that the protocol or another field uses are refused. Default:
	// none.
	LoginParams  map[string]string `json:"login_params" yaml:"login_params"`
	LogoutParams map[string]string `json:"logout_params" yaml:"logout_params"`

	// UserInfo makes each login also read the provider's UserInfo endpoint, for
	// providers whose ID tokens lack the e-mail address or the profile. Claims of
	// the ID token take precedence. A login fails if the endpoint cannot be read,
	// or is about another user (OpenID Connect Core 1.0 §5.3). Default: the ID
	// token alone.
	UserInfo bool `json:"user_info" yaml:"user_info"`

	// ClockLeeway is by how much the provider's clock may differ from this machine's
	// when the exp and nbf of a token are checked. Default: 1 minute. Negative: none.
	// At most 10 minutes.
	ClockLeeway time.Duration `json:"clock_leeway" yaml:"clock_leeway"`

	// APIDomain is the origin of Immutable's API, the only one that
	// [Session.Client] sends tokens to. Default: https://api.immutable.com,
	// or https://api.sandbox.immutable.com in the sandbox.
	APIDomain string `json:"api_domain" yaml:"api_domain"`

	// Store keeps the app sessions. Default: a new memory.Store, which is bounded
	// and empty after a restart.
	Store storage.TokenStore `json:"-" yaml:"-"`

	// EncryptionKeys seal what goes into the Store: 32 random bytes each, the
	// newest first. The first one seals, and all of them open, so put a new key in
	// front to replace the old one. If instances restart one by one, append it at
	// the end first: an instance without the key treats sessions sealed by the
	// others as absent. Drop the old key after SessionLifetime and the longest
	// LoginOptions.Remember, but not before 30 days, because of pending revocations. A
	// key is good for 2^32 records: if sessions are written more than a thousand times
	// a second, replace it monthly. Required for every Store except memory.Store, for
	// which the default is a random key.
	EncryptionKeys [][]byte `json:"encryption_keys" yaml:"encryption_keys" file:"encryption_keys_file"`

	// SessionLifetime is how long a session lives after the login, even if it is
	// used. Default: 30 days. It cannot be off.
	SessionLifetime time.Duration `json:"session_lifetime" yaml:"session_lifetime"`

	// IdleTimeout is how long a session lives after the last request. The last
	// request is not stored each time, so a session may outlive IdleTimeout by up
	// to 1/60, at most a minute. Default: 7 days. Negative: sessions end by
	// SessionLifetime alone.
	IdleTimeout time.Duration `json:"idle_timeout" yaml:"idle_timeout"`

	// EndsWithBrowser sets LoginOptions.EndsWithBrowser for every login without
	// LoginOptions.Remember, for programs that remember only users who ask for it.
	// Default: the cookie lasts for SessionLifetime.
	EndsWithBrowser bool `json:"ends_with_browser" yaml:"ends_with_browser"`

	// CountsAsUse reports whether a request counts as use of its session. Return
	// false for those that a page makes by itself, such as polling, which would keep
	// the session of an absent user alive. It is called only for requests with a
	// session, from many goroutines at once. Default: every request counts.
	CountsAsUse RequestFilter `json:"-" yaml:"-"`

	// MaxSessionsPerUser is how many sessions one user may have. A login beyond it
	// ends the user's oldest session, with EventSessionEvicted. Keep it well below
	// the limit of a bounded Store, or one account could fill the Store for
	// everybody. It requires a Store that can list sessions. Default: 100.
	// Negative: no limit.
	MaxSessionsPerUser int `json:"max_sessions_per_user" yaml:"max_sessions_per_user"`

	// SilentTimeout bounds a silent logout in the browser. Default: 10 s, as in the
	// JavaScript SDK. It cannot be off, so that no logout gets stuck.
	SilentTimeout time.Duration `json:"silent_timeout" yaml:"silent_timeout"`

	// SilentFallback is FallbackRedirect or FallbackReport. Default:
	// FallbackRedirect.
	SilentFallback SilentFallback `json:"silent_fallback" yaml:"silent_fallback"`

	// StrictLogoutTokens makes BackChannelLogout require typ logout+jwt and exp, as
	// the specification recommends. Auth0 sends typ JWT, and other providers omit
	// exp. Default: both are accepted. iat must always be within five minutes of
	// now.
	StrictLogoutTokens bool `json:"strict_logout_tokens" yaml:"strict_logout_tokens"`

	// BearerTokens lets VerifyBearer and RequireBearer accept tokens, and makes every
	// logout leave marks in the Store for the tokens that it ends: two more writes for
	// each. Set it on every instance that shares the Store, whether it verifies tokens
	// or only logs out. Default: bearer tokens are not verified, and logouts leave no
	// marks.
	BearerTokens bool `json:"bearer_tokens" yaml:"bearer_tokens"`

	// BearerLifetime is how long after its iat a bearer token is accepted, even if its
	// exp is later. The marks of logouts are kept for as long, so it bounds what they
	// take in the Store. It must be the same on every instance. Default: 24 h. It
	// cannot be off.
	BearerLifetime time.Duration `json:"bearer_lifetime" yaml:"bearer_lifetime"`

	// RevokeOnProviderLogout revokes refresh tokens after a back-channel logout, or
	// a front-channel logout with a sid. Default: they are deleted without being
	// revoked (Back-Channel Logout 1.0 §2.7). A front-channel logout without a sid
	// ends the session of its browser, and always revokes its refresh token, as
	// Logout does.
	RevokeOnProviderLogout bool `json:"revoke_on_provider_logout" yaml:"revoke_on_provider_logout"`

	// RevocationWait bounds how long EndSession and EndSessions wait for the auth domain
	// to confirm that the refresh tokens are revoked. After that the outcome is
	// OutcomePending, and the revocation continues in the background. The handler
	// Logout never waits. Default: 1 s. Negative: do not wait.
	RevocationWait time.Duration `json:"revocation_wait" yaml:"revocation_wait"`

	// RefreshWait bounds how long [Session.AccessToken] waits for a refresh while its
	// token is still valid. After that it returns that token, and the refresh continues in
	// the background. In a function that is frozen or ended after each response, set it to
	// 30 s, more than a refresh takes: if a refresh is cut off after the provider has
	// rotated the refresh token, the session is lost. Default: 1 s. Negative: do not wait.
	RefreshWait time.Duration `json:"refresh_wait" yaml:"refresh_wait"`

	// Federated makes a logout also end the session at the upstream provider, such
	// as the Google account that the user signed in with. It works only with
	// Auth0's /v2/logout. Default: false.
	Federated bool `json:"federated" yaml:"federated"`

	// OmitIDTokenHint omits the ID token (id_token_hint) from the logout request to a
	// discovered provider, which may then ask the user, or end nothing. The client_id
	// and, if it is known, the sid (logout_hint) are still sent. Default: it is sent.
	OmitIDTokenHint bool `json:"omit_id_token_hint" yaml:"omit_id_token_hint"`

	// UILocales are the user's languages for the provider's pages, in order of
	// preference and separated by spaces, such as "fr-CA fr en": the ui_locales of
	// logins and of discovered providers' logouts. Default: the provider decides.
	UILocales string `json:"ui_locales" yaml:"ui_locales"`

	// BaseURL is the public URL that the program is served below, such as
	// https://example.com/shop, if it does not have its host to itself. Its path is a
	// prefix of the paths in this Config, which may be written with it or without it.
	// Requests may arrive with the prefix, or without it behind [http.StripPrefix] or a
	// proxy that strips it. return_to and ReturnTo are paths as browsers see them, with
	// the prefix. RedirectURI must have the same origin and be below BaseURL.
	//
	// Cookies belong to the whole host even so, because a __Host- cookie cannot have a
	// path: give each program on a host its own CookieName.
	//
	// Default: the root of RedirectURI's origin.
	BaseURL string `json:"base_url" yaml:"base_url"`

	// HomePath is where a user goes after a login or logout without a return_to, and
	// where the error pages link to. Default: the path of BaseURL with a slash at the
	// end.
	HomePath string `json:"home_path" yaml:"home_path"`

	// LoginPath and LogoutPath are where the app serves Login and Logout.
	// RequireLogin redirects users to the first. passport.js posts to the second,
	// and [Passport.Handler] passes requests for it on even when the Store is down.
	// Default: /login and /logout below BaseURL.
	LoginPath  string `json:"login_path" yaml:"login_path"`
	LogoutPath string `json:"logout_path" yaml:"logout_path"`

	// TrustedOrigins are the origins of other pages that may use Logout and
	// [Passport.SessionInfo] with their users' cookies and read the answer (CORS), such
	// as https://app.example.com if the program is at api.example.com. They have to be
	// of the same site, because browsers do not send the cookies from other sites. There
	// are no wildcards, and other handlers do not accept these origins. Default: none.
	TrustedOrigins []string `json:"trusted_origins" yaml:"trusted_origins"`

	// LogoutByGET makes Logout also accept GET requests, if the browser says that
	// they are navigations from a page of the same origin, or started by the user, such
	// as from a bookmark. Other GET requests, and all prefetches, are still refused.
	// Default: POST only.
	LogoutByGET bool `json:"logout_by_get" yaml:"logout_by_get"`

	// CookieName is the session cookie's name, before the prefix. Programs that
	// share a host, such as localhost, need different names. Default: passport.
	CookieName string `json:"cookie_name" yaml:"cookie_name"`

	// HTTPClient makes the calls to the auth domain and the API. It is copied, not
	// changed. The copy of an *http.Transport gives up dead connections over HTTP/2, which
	// net/http uses for another quarter of an hour, after 8 s; a transport of another type
	// has to do that itself (http.HTTP2Config.SendPingTimeout). Default: a client with a
	// timeout of 10 s.
	HTTPClient *http.Client `json:"-" yaml:"-"`

	// Logger receives messages for operators, without secrets. Default: nothing is
	// logged.
	Logger *slog.Logger `json:"-" yaml:"-"`

	// OnEvent is told what happens to sessions on this instance; see [Event]. For the end
	// of a session wherever it happens, see [Session.Done]. It is called from
	// many goroutines at once and must not block. A panic in it stops nothing, and is
	// in the log, or in slog.Default's if there is no Logger. Default: none.
	OnEvent func(Event) `json:"-" yaml:"-"`

	// Trace is called when an operation begins, with the context of its caller, and
	// returns a [Span] that is told of the end: for traces, or measurements of your own.
	// Package otel has one for OpenTelemetry. It is called from many goroutines at once
	// and must not block. A panic in it stops nothing, as in OnEvent. Default: nothing is
	// traced.
	Trace func(ctx context.Context, o Operation) Span `json:"-" yaml:"-"`

	// OnSignIn is called for each login, after its ID token is verified and before
	// its session begins. It can create the user, refuse one with a
	// [SignInRefused], or add data to the session. ctx has the values of the
	// callback's request, is not cancelled with it, and ends after 30 s. After an
	// error no session begins, the refresh token is revoked, and the browser's
	// previous session goes on. Default: everybody may sign in.
	OnSignIn func(ctx context.Context, a *SignInAttempt) error `json:"-" yaml:"-"`

	// OnError answers requests that a handler of this package could not serve;
	// status is the suggested HTTP status, and err says why, without secrets.
	// Default: a short page for browsers, and JSON for programs: error and detail for
	// their users, and for some errors a code; see docs/single-page-apps.md.
	OnError ErrorHandler `json:"-" yaml:"-"`

	// Pages make the few pages that this package serves itself look like your own, and
	// add languages; see package page. Default: the SDK's pages, in the language that
	// the browser prefers.
	Pages page.Options `json:"-" yaml:"-"`

	// Now is the clock. Default: time.Now.
	Now func() time.Time `json:"-" yaml:"-"`
}

// Format prints the fields that identify a configuration and none that could
// hold a secret, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "passport.Config{Environment: %q, ClientID: %q, LogoutMode: %q}", c.Environment, c.ClientID, c.LogoutMode)
}

// LogValue is Format for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// ConfigFromEnv reads a Config from the environment. Each field that text can
// express has a variable: PASSPORT_ and the name in its json tag in upper case,
// such as PASSPORT_CLIENT_ID. See docs/configuration.md for the table.
//
//   - Durations have a unit: 90s, 15m, 1h30m, 30d. "off" disables a duration that
//     may be off.
//   - Lists are separated by commas or white space, maps are name=value,...
//   - A secret may be in a file: PASSPORT_CLIENT_SECRET_FILE and
//     PASSPORT_ENCRYPTION_KEYS_FILE name one. Keys are base64, the newest first.
//
// White space around a value is ignored. If a variable is empty or unset, its field
// keeps the default. The error names each variable that cannot be parsed; [New]
// checks everything else.
func ConfigFromEnv() (Config, error) {
	var c Config
	if err := textconfig.FromEnv(&c, "PASSPORT_", os.Getenv); err != nil {
		return Config{}, fmt.Errorf("passport: the configuration in the environment: %w", err)
	}
	return c, nil
}

// UnmarshalJSON reads a Config from a JSON object, whose keys are the names in the
// json tags of the fields. Values are written as for [ConfigFromEnv]; lists and
// maps may be JSON's. An unknown key is an error. Fields that are not in the object
// keep their value.
func (c *Config) UnmarshalJSON(data []byte) error {
	if err := textconfig.FromJSON(c, data); err != nil {
		return fmt.Errorf("passport: the configuration in JSON: %w", err)
	}
	return nil
}

// UnmarshalYAML is UnmarshalJSON for the YAML packages of go.yaml.in and
// goccy/go-yaml, which both look for this method.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	var given map[string]any
	if err := unmarshal(&given); err != nil {
		return fmt.Errorf("passport: the configuration in YAML is not a mapping: %w", err)
	}
	if err := textconfig.FromMap(c, given); err != nil {
		return fmt.Errorf("passport: the configuration in YAML: %w", err)
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads, without ClientSecret and
// EncryptionKeys.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(textconfig.ToMap(c)) }

// MarshalYAML is MarshalJSON for YAML.
func (c Config) MarshalYAML() (any, error) { return textconfig.ToMap(c), nil }

// Secret is a string that must not be shown: a session id, a client secret, a
// token. Printing, logging and encoding it yield a placeholder; [Secret.Reveal]
// returns the value.
//
// In two places the standard library ignores these methods. Do not put a Secret
// there:
//
//   - an unexported field of a struct that package fmt prints (give the struct a
//     Format or String method),
//   - the keys of a map that encoding/json encodes.
type Secret string

const redacted = "[redacted]"

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// Format prints a placeholder for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, for JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// GobEncode returns a placeholder.
func (s Secret) GobEncode() ([]byte, error) { return []byte(redacted), nil }

// GobDecode reads what GobEncode, or another program, wrote.
func (s *Secret) GobDecode(b []byte) error {
	*s = Secret(b)
	return nil
}
