// Package provider talks to an OpenID provider, server to server: discovery, the
// token endpoint, revocation, the device flow, and the tokens that it signs. It
// knows neither the store nor the requests that the program serves.
package provider

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport/internal/authdomain"
)

// Config is what [New] builds a [Client] from. Issuer, ClientID, HTTPClient, Now,
// Run and Start are required.
type Config struct {
	Issuer   string // may contain [TenantPlaceholder]
	ClientID string

	ClientSecret string        // empty: none
	Key          crypto.Signer // for private_key_jwt; nil: none
	KeyID        string        // of Key; empty: none
	Auth         ClientAuth    // empty: what the provider supports

	Scopes   []string // nil: the usual ones, as far as the provider offers them
	Audience string   // empty: none
	UserInfo bool     // a login reads the UserInfo endpoint, too

	LoginParams, LogoutParams map[string]string // of the provider's own

	// Endpoints are the provider's. Nil: they are discovered.
	Endpoints *authdomain.Endpoints

	DiscoveryURL string // empty: below Issuer
	InsecureHTTP bool   // endpoints may be http on any host
	Push         bool   // logins are pushed, although the provider does not require it of all clients

	// StrictLogoutTokens insists on typ logout+jwt, and on exp.
	StrictLogoutTokens bool

	Leeway     time.Duration // by which clocks may differ
	HTTPClient *http.Client  // its Transport and Timeout are used, and not changed
	Now        func() time.Time

	// Run calls f, at once or in a goroutine of its own. The context ends when
	// nobody needs the result any more. Start does so in a goroutine, or reports
	// that it is too late for one.
	Run   func(f func(context.Context))
	Start func(f func(context.Context)) bool
}

// Client is one client of one provider. Its methods may be called from many
// goroutines at once.
type Client struct {
	c         Config
	transport http.RoundTripper
	timeout   time.Duration // of a call

	metadata      atomic.Pointer[Metadata] // nil until discovered
	nextDiscovery atomic.Int64             // Unix seconds; while there is metadata already
	discovery     singleflight.Group

	keys    keySet
	begins  *semaphore.Weighted // see forLogin
	codes   *semaphore.Weighted
	backOff backOff

	// By how much the provider's clock is ahead of ours, and by how much at most, in
	// nanoseconds.
	skew, mostSkew atomic.Int64
	compared       atomic.Bool // whether they are known
}

// DefaultTimeout bounds a call if HTTPClient has no timeout.
const DefaultTimeout = 10 * time.Second

// New builds a client. It makes no call to the network.
func New(config Config) *Client {
	c := &Client{c: config, transport: boundedTransport(config.HTTPClient.Transport), timeout: config.HTTPClient.Timeout}
	c.begins, c.codes = semaphore.NewWeighted(mostLoginCalls), semaphore.NewWeighted(mostLoginCalls)
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	c.keys.limit.now = config.Now
	c.backOff.now = config.Now
	if config.Endpoints != nil {
		c.metadata.Store(c.configured(*config.Endpoints))
	}
	return c
}

// Close closes connections that are idle. The client may still be used.
func (c *Client) Close() { (&http.Client{Transport: c.transport}).CloseIdleConnections() }

// Format prints the issuer and the client ID, whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "provider.Client("+c.c.Issuer+" "+c.c.ClientID+")")
}
