// Package provider talks to an OpenID provider, server to server: discovery, the
// token endpoint, revocation, the device flow, and the tokens that it signs. It
// knows neither the store nor the requests that the program serves.
package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"sync/atomic"

	"github.com/passport-go/passport/internal/authdomain"
)

// Config is what [New] builds a [Client] from. All fields are required, except
// where they say otherwise.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string // empty: a public client
	Scopes       []string
	Audience     string // empty: none

	// Endpoints are the provider's. Nil: they are discovered.
	Endpoints *authdomain.Endpoints

	// StrictLogoutTokens insists on typ logout+jwt, and on exp.
	StrictLogoutTokens bool

	HTTPClient *http.Client // copied, not changed
	Now        func() time.Time

	// Run calls f, at once or in a goroutine of its own. The context ends when
	// nobody needs the result any more.
	Run func(f func(context.Context))
}

// Client is one client of one provider. Its methods may be called from many
// goroutines at once.
type Client struct {
	c    Config
	http *http.Client

	metadata  atomic.Pointer[Metadata] // nil until discovered
	discovery singleflight.Group
}

// DefaultTimeout bounds a call if HTTPClient has no timeout.
const DefaultTimeout = 10 * time.Second

// New builds a client. It makes no call to the network.
func New(config Config) *Client {
	own := *config.HTTPClient
	own.Jar = nil // one user's cookies are not another's
	own.Transport = sendWithoutPreflight(own.Transport)
	if own.Timeout == 0 {
		own.Timeout = DefaultTimeout
	}
	// A redirect would hand tokens and codes to another address.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &Client{c: config, http: &own}
	if config.Endpoints != nil {
		c.metadata.Store(c.newMetadata(*config.Endpoints, oauth2.AuthStyleInParams))
	}
	return c
}

// Format prints the issuer and the client ID, whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "provider.Client("+c.c.Issuer+" "+c.c.ClientID+")")
}

// post sends a form to one of the provider's endpoints, as this client (RFC 6749
// §2.3.1), and returns the response with its body.
func (c *Client) post(ctx context.Context, m *Metadata, address string, form url.Values) (*http.Response, []byte, error) {
	basic := m.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !basic {
		form.Set("client_id", c.c.ClientID)
		if c.c.ClientSecret != "" {
			form.Set("client_secret", c.c.ClientSecret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, errors.New("passport: the provider's endpoint is not a URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.SetBasicAuth(url.QueryEscape(c.c.ClientID), url.QueryEscape(c.c.ClientSecret))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("passport: the auth domain could not be reached: %w", err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // a body that was cut off is not readable, and reported as such
	return res, body, nil
}

// withClient makes x/oauth2 and go-oidc use our HTTP client.
func (c *Client) withClient(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, c.http)
}
