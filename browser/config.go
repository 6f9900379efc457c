package browser

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/storage"
)

// Config is what [New] builds a [Passport] from. ClientID and RedirectURI are
// required; for all other fields the zero value is a good default. Fields have the
// same meaning as in passport.Config. There is no ClientSecret, Store or
// EncryptionKeys, because a page cannot keep a secret, and the browser's storage is
// the only store. Fields for servers (cookies, paths, bearer tokens) are left out too,
// and so is OnSignIn: a page cannot keep its own user out.
//
// For durations, 0 means the default and a negative value means off.
type Config struct {
	// Environment is passport.Sandbox or passport.Production. Default: Sandbox.
	Environment passport.Environment

	// PublishableKey is the publishable API key from Hub. Default: none.
	PublishableKey string

	// ClientID is the Passport client's ID from Hub. Required.
	ClientID string

	// RedirectURI is the page that the browser comes back to after a login, one
	// of the redirect URIs registered in Hub; it calls LoginCallback. Required.
	RedirectURI string

	// LogoutRedirectURI is the page that the browser comes back to after a
	// logout, one of the logout URIs registered in Hub. In silent mode it is a
	// page with LogoutSilentCallback. Default: in redirect mode, the first
	// logout URI registered for the client; silent mode requires one.
	LogoutRedirectURI string

	// LogoutMode is passport.LogoutRedirect or passport.LogoutSilent. Default:
	// passport.LogoutRedirect.
	LogoutMode passport.LogoutMode

	// Audience is the API that access tokens are for. Default: platform_api.
	Audience string

	// Scopes default to openid, profile, email, offline_access and transact.
	Scopes []string

	// AuthDomain is the origin of the auth domain. To share the session with pages
	// that use the JavaScript SDK, it must equal their authenticationDomain
	// exactly. Default: https://auth.immutable.com.
	AuthDomain string

	// Issuer is the iss of its ID tokens. Default: AuthDomain and a slash.
	Issuer string

	// Discover supports any OpenID provider as the Issuer. It must allow calls from
	// this origin (CORS) to its discovery document, keys and token endpoint and, if it
	// has them, to its revocation endpoint and the one for pushed requests (RFC 9126).
	// Default: the endpoints of the Passport auth domain.
	Discover bool

	// DiscoveryURL is the address of the discovery document if it is not below the
	// issuer, as with Azure AD B2C. The issuer in the document must still be Issuer. A
	// page also calls it to find out whether the provider can be reached. It requires
	// Discover. Default: Issuer and /.well-known/openid-configuration.
	DiscoveryURL string

	// PushedRequests sends each login's request to the Issuer first (RFC 9126), for a
	// client that is registered so that it must. It requires Discover. Default: only if
	// the provider requires it of all clients.
	PushedRequests bool

	// LoginParams and LogoutParams are additional parameters for each login and
	// logout, such as identity_provider or logout_uri for Amazon Cognito. Names that
	// the protocol or another field uses are refused. Default: none.
	LoginParams  map[string]string
	LogoutParams map[string]string

	// UserInfo makes each login also read the provider's UserInfo endpoint, for
	// providers whose ID tokens lack the e-mail address or the profile. The endpoint
	// must allow calls from this origin with an Authorization header (CORS), for which
	// the browser sends a preflight; no other call needs one. A login fails if the
	// endpoint cannot be read, or is about another user. A session that a page with the
	// JavaScript SDK has begun has the claims of its ID token alone. Default: the ID
	// token alone.
	UserInfo bool

	// ClockLeeway is by how much the provider's clock may differ from this device's
	// when the exp and nbf of an ID token are checked. Only a clock that is ahead by
	// more than ClockLeeway and the lifetime of the ID token (ten hours, by Auth0's
	// default), or behind an nbf by more than ClockLeeway, keeps its user out. Default: 1
	// minute. Negative: none. At most 10 minutes.
	ClockLeeway time.Duration

	// APIDomain is the origin of Immutable's API. Default: that of Environment.
	APIDomain string

	// SessionLifetime is how long a session lives after the login, even if it is
	// used. Default: 30 days. It cannot be off.
	SessionLifetime time.Duration

	// IdleTimeout is how long a session lives after its last use. Default: 7 days.
	// Negative: sessions end by SessionLifetime alone.
	IdleTimeout time.Duration

	// SilentTimeout bounds a silent logout. Default: 10 s. It cannot be off.
	SilentTimeout time.Duration

	// SilentFallback is what Logout does after a silent logout that failed:
	// passport.FallbackRedirect leaves the page for the auth domain,
	// passport.FallbackReport returns an error. In an embedded page, and while the
	// auth domain cannot be reached, it is always an error, because leaving the
	// page would not help. Default: passport.FallbackRedirect.
	SilentFallback passport.SilentFallback

	// RevocationWait bounds how long Logout waits for the auth domain to confirm
	// that the refresh token is revoked. Default: 1 s. Negative: do not wait.
	RevocationWait time.Duration

	// Federated makes a logout also end the session at the upstream provider.
	// Default: false.
	Federated bool

	// OmitIDTokenHint omits the ID token from the logout request to a discovered
	// provider. Default: it is sent.
	OmitIDTokenHint bool

	// UILocales are the user's languages for the auth domain's pages, in order of
	// preference, such as "fr-CA fr en". Default: the auth domain decides.
	UILocales string

	// HTTPClient makes the calls to the auth domain and the API, through the
	// browser's fetch. It is copied. Default: a client with a timeout of 10 s.
	HTTPClient *http.Client

	// Logger receives messages for developers, without secrets. Default: nothing is
	// logged.
	Logger *slog.Logger

	// OnEvent is told what happens to sessions. It is called from many
	// goroutines at once and must not block. Default: none.
	OnEvent func(passport.Event)

	// Trace is called when an operation begins, with the context of its caller, and
	// returns a passport.Span that is told of the end. The calls to the Store are those
	// to the browser's storage. It is called from many goroutines at once and must not
	// block. Default: nothing is traced.
	Trace func(context.Context, passport.Operation) passport.Span

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Format prints the fields that identify a configuration, and no secrets, whatever the
// verb.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "browser.Config{Environment: %q, ClientID: %q, LogoutMode: %q}", c.Environment, c.ClientID, c.LogoutMode)
}

// LogValue is Format for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.SilentTimeout = cmp.Or(c.SilentTimeout, 10*time.Second)
	return c
}

// engine returns c for package passport. A nil store is for checking the other fields.
func (c Config) engine(store storage.TokenStore, keys ...[]byte) passport.Config {
	return passport.Config{
		Environment:       c.Environment,
		PublishableKey:    c.PublishableKey,
		ClientID:          c.ClientID,
		RedirectURI:       c.RedirectURI,
		LogoutRedirectURI: c.LogoutRedirectURI,
		LogoutMode:        c.LogoutMode,
		Audience:          c.Audience,
		Scopes:            c.Scopes,
		AuthDomain:        c.AuthDomain,
		Issuer:            c.Issuer,
		Discover:          c.Discover,
		DiscoveryURL:      c.DiscoveryURL,
		PushedRequests:    c.PushedRequests,
		LoginParams:       c.LoginParams,
		LogoutParams:      c.LogoutParams,
		UserInfo:          c.UserInfo,
		ClockLeeway:       c.ClockLeeway,
		APIDomain:         c.APIDomain,
		Store:             store,
		EncryptionKeys:    keys,
		SessionLifetime:   c.SessionLifetime,
		IdleTimeout:       c.IdleTimeout,
		SilentTimeout:     c.SilentTimeout,
		SilentFallback:    c.SilentFallback,
		RevocationWait:    c.RevocationWait,
		Federated:         c.Federated,
		OmitIDTokenHint:   c.OmitIDTokenHint,
		UILocales:         c.UILocales,
		HTTPClient:        c.HTTPClient,
		Logger:            c.Logger,
		OnEvent:           c.OnEvent,
		Trace:             c.Trace,
		Now:               c.Now,
	}
}

// authenticationDomain returns the value that pages with the JavaScript SDK use for
// their setting of that name.
func (c Config) authenticationDomain() string {
	switch {
	case c.AuthDomain != "":
		return c.AuthDomain
	case c.Discover:
		return c.Issuer
	default:
		return authdomain.Default
	}
}
