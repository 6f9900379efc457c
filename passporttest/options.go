package passporttest

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// ClientID is the client_id of the only client if [Options.Clients] is empty: a public
// client, which allows any redirect URI and any logout URL on a loopback host.
const ClientID = "passporttest"

// DefaultUser returns the only user if [Options.Users] is empty.
func DefaultUser() User {
	return User{
		Subject:               "email|00000000000000000000a11c",
		Email:                 "alice@example.com",
		Nickname:              "alice",
		Username:              "alice",
		ZkEVMEthAddress:       "0xa11ce00000000000000000000000000000000001",
		ZkEVMUserAdminAddress: "0xa11ce00000000000000000000000000000000002",
	}
}

// Options configures an auth domain. The zero value is usable: one public client, one
// user, and a login page.
type Options struct {
	// Issuer is the issuer exactly as in tokens and in the discovery document; the
	// endpoints are below it. Auth0's end in a slash. Empty: the URL of the server
	// that [NewServer] starts or, for a handler that you serve yourself, the host
	// of the first request, with a slash at the end.
	Issuer string

	// Clients are the applications that may use the auth domain. Empty: one,
	// as [ClientID] describes it.
	Clients []Client

	// Users are the people who can sign in. Empty: [DefaultUser].
	Users []User

	// LogoutURLs is the tenant's list of allowed logout URLs, for requests to
	// /v2/logout without a client_id. Empty allows none.
	LogoutURLs []string

	// AutoLogin makes /authorize sign a user in without a login page: the one whose
	// Email is the request's email or login_hint parameter, otherwise the first.
	AutoLogin bool

	// RequirePushedRequests makes /authorize refuse requests that the client has not
	// sent to /oauth/par first (RFC 9126), and the discovery document say so. A
	// request_uri is valid once, for 30 seconds.
	RequirePushedRequests bool

	// ConfirmLogout makes /oidc/logout ask the user before it ends anything,
	// as many OpenID providers do.
	ConfirmLogout bool

	// StaticRefreshTokens turns rotation off: a refresh token stays valid until it
	// is revoked, and a refresh returns no new one.
	StaticRefreshTokens bool

	// CookieSameSite is the SameSite attribute of the cookie named auth0. 0
	// means None, which is what Auth0 sends. See the package documentation for
	// the cookies.
	CookieSameSite http.SameSite

	// SessionLifetime is how long a Passport session lives, even if it is used. 0
	// means three days; negative means for ever.
	SessionLifetime time.Duration

	// IDTokenLifetime is how long an ID token is valid. 0 means ten hours;
	// negative leaves exp out.
	IDTokenLifetime time.Duration

	// AccessTokenLifetime is how long an access token is valid. 0 means a day;
	// negative leaves exp and expires_in out.
	AccessTokenLifetime time.Duration

	// RefreshTokenLifetime is how long a refresh token and those that replace it are
	// valid after the login. 0 means thirty days; negative means for ever.
	RefreshTokenLifetime time.Duration

	// DeviceCodeLifetime is how long the user of a device has to enter its
	// code. 0 means fifteen minutes.
	DeviceCodeLifetime time.Duration

	// DeviceInterval is the polling interval that a device is told, in whole
	// seconds. 0 means five.
	DeviceInterval time.Duration

	// Now is the clock for issue and expiry times. Nil means time.Now. It is called
	// from many goroutines.
	Now func() time.Time

	// HTTPClient sends the back-channel logout tokens. Nil means a client that times
	// out after five seconds, follows no redirects, and resolves every name under
	// localhost to the loopback address.
	HTTPClient *http.Client

	// Logger receives one message from [NewServer]: the server's URL, and that it is
	// not for production. Nil means slog.Default; in a test, nothing is logged.
	Logger *slog.Logger

	// Addr is the address that [NewServer] listens on. Empty means "127.0.0.1:0", a
	// free port.
	Addr string

	// Host is the host name in the URL of [NewServer], such as "auth.localhost",
	// which to browsers is another site than "app.localhost". Empty: the host of
	// Addr.
	Host string

	// TLS makes [NewServer] serve https, with a self-signed certificate that
	// [Server.Client] trusts.
	TLS bool
}

// Client is an application registered with the auth domain.
type Client struct {
	// ID is the client_id. It must not be empty.
	ID string

	// Secret makes the client confidential: it authenticates with
	// client_secret_basic or client_secret_post. A client without a secret is
	// public: it only sends client_id, and must use PKCE with S256.
	Secret string

	// RedirectURIs are the allowed callback URLs, which are compared exactly.
	RedirectURIs []string

	// LogoutURLs are the allowed logout URLs. /v2/logout ignores query and fragment
	// when it compares, and goes to the first if there is no returnTo; /oidc/logout
	// compares exactly.
	LogoutURLs []string

	// RequirePushedRequests is [Options].RequirePushedRequests for this client alone,
	// of which the discovery document says nothing (RFC 9126 §6).
	RequirePushedRequests bool

	// WebOrigins are the origins, such as "https://app.example.com", whose
	// scripts may call the endpoints (CORS), in addition to those of the
	// RedirectURIs.
	WebOrigins []string

	// AnyLoopback also allows every redirect URI, logout URL and origin on a
	// loopback host (localhost and the names below it, 127.0.0.0/8, ::1), with any
	// port and path.
	AnyLoopback bool

	// BackChannelLogoutURI receives a logout token when a session ends in which the
	// client obtained tokens. Empty: none is sent.
	BackChannelLogoutURI string

	// FrontChannelLogoutURI is visited by an iframe when a browser logs out of such
	// a session (OpenID Connect Front-Channel Logout 1.0 §2): instead of redirecting,
	// the logout responds with a page of iframes, which redirects when they have
	// loaded. Empty: there is no iframe.
	FrontChannelLogoutURI string
}

// User is a person who can sign in. A claim whose field is empty is left out.
type User struct {
	// Subject is the sub claim. It must not be empty.
	Subject string

	Email    string
	Nickname string
	Username string

	// The addresses are members of the claim named passport:
	// zkevm_eth_address and zkevm_user_admin_address.
	ZkEVMEthAddress       string
	ZkEVMUserAdminAddress string
}

const (
	defaultSessionLifetime      = 3 * 24 * time.Hour
	defaultIDTokenLifetime      = 10 * time.Hour
	defaultAccessTokenLifetime  = 24 * time.Hour
	defaultRefreshTokenLifetime = 30 * 24 * time.Hour
	defaultDeviceCodeLifetime   = 15 * time.Minute
	defaultDeviceInterval       = 5 * time.Second
)

// withDefaults returns a copy of o, with defaults, that shares nothing with the caller.
func (o Options) withDefaults() Options {
	o.Clients = copyClients(o.Clients)
	if len(o.Clients) == 0 {
		o.Clients = []Client{{ID: ClientID, AnyLoopback: true}}
	}
	o.Users = slices.Clone(o.Users)
	if len(o.Users) == 0 {
		o.Users = []User{DefaultUser()}
	}
	o.LogoutURLs = slices.Clone(o.LogoutURLs)
	if o.CookieSameSite == 0 {
		o.CookieSameSite = http.SameSiteNoneMode
	}
	setDefault(&o.SessionLifetime, defaultSessionLifetime)
	setDefault(&o.IDTokenLifetime, defaultIDTokenLifetime)
	setDefault(&o.AccessTokenLifetime, defaultAccessTokenLifetime)
	setDefault(&o.RefreshTokenLifetime, defaultRefreshTokenLifetime)
	setDefault(&o.DeviceCodeLifetime, defaultDeviceCodeLifetime)
	setDefault(&o.DeviceInterval, defaultDeviceInterval)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HTTPClient == nil {
		o.HTTPClient = deliveryClient()
	}
	if o.Logger == nil {
		o.Logger = defaultLogger()
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	return o
}

// defaultLogger logs nothing in a test.
func defaultLogger() *slog.Logger {
	if testing.Testing() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.Default()
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

func copyClients(clients []Client) []Client {
	copied := slices.Clone(clients)
	for i, c := range copied {
		copied[i].RedirectURIs = slices.Clone(c.RedirectURIs)
		copied[i].LogoutURLs = slices.Clone(c.LogoutURLs)
		copied[i].WebOrigins = slices.Clone(c.WebOrigins)
	}
	return copied
}

// check panics on invalid options, because a panic in the constructor leads the test's
// author straight to the mistake.
func (o Options) check() {
	clients := make(map[string]bool)
	for i, c := range o.Clients {
		if c.ID == "" {
			panic(fmt.Sprintf("passporttest: Options.Clients[%d].ID is empty", i))
		}
		if clients[c.ID] {
			panic(fmt.Sprintf("passporttest: Options.Clients has the ID %q twice", c.ID))
		}
		clients[c.ID] = true
	}
	users := make(map[string]bool)
	for i, u := range o.Users {
		if u.Subject == "" {
			panic(fmt.Sprintf("passporttest: Options.Users[%d].Subject is empty", i))
		}
		if users[u.Subject] {
			panic(fmt.Sprintf("passporttest: Options.Users has the Subject %q twice", u.Subject))
		}
		users[u.Subject] = true
	}
}

func (o *Options) client(id string) (Client, bool) {
	for _, c := range o.Clients {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}

func (o *Options) userBySubject(subject string) (User, bool) {
	for _, u := range o.Users {
		if u.Subject == subject {
			return u, true
		}
	}
	return User{}, false
}

// userByEmail returns the user with that email address, or the first.
func (o *Options) userByEmail(email string) User {
	for _, u := range o.Users {
		if email != "" && strings.EqualFold(u.Email, email) {
			return u
		}
	}
	return o.Users[0]
}

func (c Client) confidential() bool { return c.Secret != "" }

// allowsRedirect refuses a fragment, which RFC 6749 §3.1.2 forbids.
func (c Client) allowsRedirect(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	return c.AnyLoopback && isLoopbackURL(uri) && !strings.Contains(uri, "#")
}

func isLoopbackURL(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if isLocalhostName(host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// isLocalhostName reports whether host is localhost or a name below it, all of
// which mean the loopback address (RFC 6761 §6.3).
func isLocalhostName(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
