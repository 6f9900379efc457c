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

// ClientID is the id of the one client that an auth domain has when
// [Options.Clients] is empty: a public client, which accepts any redirect URI
// and any logout URL on a loopback host.
const ClientID = "passporttest"

// DefaultUser returns the one user that an auth domain has when
// [Options.Users] is empty.
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

// Options says how an auth domain behaves. The zero value is usable: one
// public client, one user, and a login page.
type Options struct {
	// Issuer is the issuer exactly as it stands in tokens and in the discovery
	// document; the endpoints lie below it. Auth0's end in a slash. Empty: the
	// URL of the server that [NewServer] starts, or, for a handler that
	// somebody else serves, the host that the first request names; with a
	// slash at the end either way.
	Issuer string

	// Clients are the applications that may use the auth domain. Empty: one,
	// as [ClientID] describes it.
	Clients []Client

	// Users are the people who can sign in. Empty: [DefaultUser].
	Users []User

	// LogoutURLs is the tenant's list of allowed logout URLs, which /v2/logout
	// goes by when it is asked without a client_id. Empty allows none.
	LogoutURLs []string

	// AutoLogin makes /authorize sign a user in without asking: the one whose
	// Email is the request's email or login_hint parameter, otherwise the
	// first. Without it people see a login page.
	AutoLogin bool

	// ConfirmLogout makes /oidc/logout ask the user before it ends anything,
	// as many OpenID providers do.
	ConfirmLogout bool

	// StaticRefreshTokens turns rotation off: a refresh token stays good until
	// it is revoked, and a refresh returns no new one.
	StaticRefreshTokens bool

	// CookieSameSite is the SameSite attribute of the cookie named auth0. 0
	// means None, which is what Auth0 sends. See the package documentation for
	// the cookies.
	CookieSameSite http.SameSite

	// SessionLifetime is how long a Passport session lives, whatever its user
	// does. 0 means three days; negative means for ever.
	SessionLifetime time.Duration

	// IDTokenLifetime is how long an ID token is valid. 0 means ten hours;
	// negative leaves exp out.
	IDTokenLifetime time.Duration

	// AccessTokenLifetime is how long an access token is valid. 0 means a day;
	// negative leaves exp and expires_in out.
	AccessTokenLifetime time.Duration

	// RefreshTokenLifetime is how long a refresh token and those that replace
	// it are good, counted from the login. 0 means thirty days; negative means
	// for ever.
	RefreshTokenLifetime time.Duration

	// DeviceCodeLifetime is how long the user of a device has to enter its
	// code. 0 means fifteen minutes.
	DeviceCodeLifetime time.Duration

	// DeviceInterval is how long a device is told to wait between two questions
	// whether that has been done, in whole seconds. 0 means five.
	DeviceInterval time.Duration

	// Now is the clock for everything that is issued and everything that
	// expires. Nil means time.Now. It is called from many goroutines.
	Now func() time.Time

	// HTTPClient sends the back-channel logout tokens. Nil means a client that
	// gives up after five seconds, follows no redirect, and finds every name
	// under localhost on the loopback address.
	HTTPClient *http.Client

	// Logger is told once by [NewServer] where the server is, and that it is
	// not for production. Nil means slog.Default, and in a test, nothing.
	Logger *slog.Logger

	// Addr is the address that [NewServer] listens on. Empty means
	// "127.0.0.1:0", a port that is free.
	Addr string

	// Host is the host name that [NewServer] puts into its URL, such as
	// "auth.localhost", which browsers take to be another site than
	// "app.localhost". Empty: the host of Addr.
	Host string

	// TLS makes [NewServer] serve https, with a certificate of its own that
	// [Server.Client] trusts.
	TLS bool
}

// Client is an application that is registered with the auth domain.
type Client struct {
	// ID is the client_id. It must not be empty.
	ID string

	// Secret makes the client a confidential one, which authenticates with
	// client_secret_basic or client_secret_post. A client without a secret is
	// public: it sends client_id alone, and must use PKCE with S256.
	Secret string

	// RedirectURIs are the allowed callback URLs; a request must name one of
	// them exactly.
	RedirectURIs []string

	// LogoutURLs are the allowed logout URLs. /v2/logout does not compare
	// query and fragment, and goes to the first when it is given no returnTo;
	// /oidc/logout compares exactly.
	LogoutURLs []string

	// WebOrigins are the origins, such as "https://app.example.com", whose
	// scripts may call the endpoints (CORS), in addition to those of the
	// RedirectURIs.
	WebOrigins []string

	// AnyLoopback allows every redirect URI, every logout URL and every origin
	// on a loopback host (localhost and the names below it, 127.0.0.0/8, ::1),
	// whatever its port and path, in addition to those that are listed.
	AnyLoopback bool

	// BackChannelLogoutURI is where a logout token is sent when a session
	// ends in which the client obtained tokens. Empty: none is sent.
	BackChannelLogoutURI string

	// FrontChannelLogoutURI is what an iframe visits when a browser logs out
	// of such a session (OpenID Connect Front-Channel Logout 1.0 §2): the
	// logout answers with a page of iframes then, which goes on when they have
	// loaded, instead of a redirect. Empty: there is no iframe.
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

// withDefaults returns a copy of o that shares nothing with the caller.
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

// defaultLogger spares a test the line: it knows what it has started.
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

// check panics on options that can only be a slip of the test's author, for
// whom a panic in the constructor is the shortest way to the cause.
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

// userByEmail returns the user whom a hint means, or the first.
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
