package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/text"
)

// Metadata is what is known of a provider.
type Metadata struct {
	Endpoints authdomain.Endpoints

	// IssuerInResponse says that each response to a login names the issuer (RFC
	// 9207 §3).
	IssuerInResponse bool

	pushed string // pushed authorization request endpoint; may be empty
	push   bool   // requests go there first
	auth   ClientAuth
	scopes []string

	acceptsPost atomic.Pointer[bool] // nil until it was tried; see [Client.AcceptsPostedLogout]
}

const (
	// discoveryTimeout bounds the wait for a discovery document.
	discoveryTimeout = 10 * time.Second

	// metadataLife is how long a discovery document is used before it is read
	// again, and metadataRetry how long after a failure that is tried again.
	metadataLife  = time.Hour
	metadataRetry = time.Minute
)

// configured is the metadata of a provider whose endpoints are known.
func (c *Client) configured(e authdomain.Endpoints) *Metadata {
	m := &Metadata{Endpoints: e, scopes: c.c.Scopes, auth: c.chooseAuth([]string{string(AuthPost)})}
	if m.scopes == nil {
		m.scopes = defaultScopes
	}
	return m
}

// Metadata returns what is known of the provider: at once if it is configured or
// was discovered before. However many ask, one discovers; a caller whose ctx ends
// stops waiting. A discovery that fails is tried again by the next caller. The
// document is read again each hour, in the background; the old one stays in use
// until that succeeds.
func (c *Client) Metadata(ctx context.Context) (*Metadata, error) {
	if m := c.metadata.Load(); m != nil {
		c.rediscover()
		return m, nil
	}
	err := c.once(ctx, c.discoverAndKeep)
	if m := c.metadata.Load(); m != nil {
		return m, nil
	}
	return nil, err
}

// Origins returns the origins of the provider's own pages, as far as they are known
// without a call: the issuer's, and those of the endpoints that browsers visit.
func (c *Client) Origins() []string {
	var origins []string
	addresses := []string{c.c.Issuer}
	if m := c.metadata.Load(); m != nil {
		addresses = append(addresses, m.Endpoints.Authorize, m.Endpoints.Logout)
	}
	for _, address := range addresses {
		u, err := authdomain.ParseHTTP(address)
		if err == nil && !slices.Contains(origins, authdomain.OriginOf(u)) {
			origins = append(origins, authdomain.OriginOf(u))
		}
	}
	return origins
}

func (c *Client) rediscover() {
	due, now := c.nextDiscovery.Load(), c.c.Now()
	if due == 0 || now.Unix() < due || !c.nextDiscovery.CompareAndSwap(due, now.Add(metadataRetry).Unix()) {
		return
	}
	c.c.Start(func(ctx context.Context) { _ = c.discoverAndKeep(ctx) }) // the old metadata is in use
}

// once does something for all who ask for it at the same time. A caller whose ctx
// ends stops waiting.
func (c *Client) once(ctx context.Context, do func(context.Context) error) error {
	done := c.discovery.DoChan("", func() (_ any, err error) {
		finished := make(chan struct{})
		c.c.Run(func(ctx context.Context) {
			defer close(finished)
			err = do(ctx)
		})
		<-finished
		return nil, err
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return notYet(ctx)
	}
}

// notYet is the error of a caller that has stopped waiting.
func notYet(ctx context.Context) error {
	return fmt.Errorf("passport: the provider has not answered yet: %w", ctx.Err())
}

func (c *Client) discoverAndKeep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	m, err := c.discover(ctx)
	if err != nil {
		return fmt.Errorf("passport: the provider's discovery document could not be used: %w", err)
	}
	c.metadata.Store(m)
	c.nextDiscovery.Store(c.c.Now().Add(metadataLife).Unix())
	return nil
}

// discover reads the provider's metadata (OpenID Connect Discovery 1.0 §4, RFC
// 8414 §2 for revocation, RP-Initiated Logout 1.0 §2.1 for the end of session,
// RFC 8628 §4 for devices, RFC 9126 §5 for pushed requests, RFC 9207 §3 for the
// issuer in responses).
func (c *Client) discover(ctx context.Context) (*Metadata, error) {
	address := c.c.DiscoveryURL
	if address == "" {
		address = strings.TrimSuffix(c.c.Issuer, "/") + "/.well-known/openid-configuration"
	}
	res, err := c.get(ctx, address, "")
	if err != nil {
		return nil, err
	}
	if res.status != http.StatusOK {
		return nil, res.err()
	}
	o, err := jwt.ParseObject(trimBOM(res.body))
	if err != nil {
		return nil, res.unusable("is " + err.Error())
	}
	if issuer, _ := o.Text("issuer"); issuer != c.c.Issuer { // OpenID Connect Discovery 1.0 §4.3
		return nil, fmt.Errorf("passport: it is of the issuer %q, and Config.Issuer is %q", text.Line(issuer, 255), c.c.Issuer)
	}
	return c.newMetadata(o)
}

func trimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }

func (c *Client) newMetadata(o jwt.Object) (*Metadata, error) {
	m := &Metadata{}
	methods, _ := o.Texts("token_endpoint_auth_methods_supported")
	m.auth = c.chooseAuth(methods)
	m.IssuerInResponse, _ = o.Bool("authorization_response_iss_parameter_supported")
	required, _ := o.Bool("require_pushed_authorization_requests")
	m.push = c.c.Push || required
	m.scopes = c.chooseScopes(o)
	aliases, _ := jwt.ParseObject(o["mtls_endpoint_aliases"]) // RFC 8705 §5
	for _, e := range []struct {
		name     string
		to       *string
		required bool
	}{
		{"authorization_endpoint", &m.Endpoints.Authorize, true},
		{"token_endpoint", &m.Endpoints.Token, true},
		{"jwks_uri", &m.Endpoints.Keys, true},
		{"revocation_endpoint", &m.Endpoints.Revoke, false},
		{"end_session_endpoint", &m.Endpoints.Logout, false},
		{"device_authorization_endpoint", &m.Endpoints.Device, false},
		{"userinfo_endpoint", &m.Endpoints.UserInfo, false},
		{"pushed_authorization_request_endpoint", &m.pushed, m.push},
	} {
		*e.to, _ = o.Text(e.name)
		if alias, ok := aliases.Text(e.name); ok && m.auth == AuthTLS {
			*e.to = alias
		}
		if *e.to == "" && !e.required {
			continue
		}
		if err := c.checkURL(*e.to); err != nil {
			return nil, fmt.Errorf("passport: its %s %w", e.name, err)
		}
	}
	m.Endpoints.Logout = WithParams(m.Endpoints.Logout, c.c.LogoutParams)
	return m, nil
}

// checkURL refuses what would send secrets in the clear.
func (c *Client) checkURL(address string) error {
	if address == "" {
		return errors.New("is missing")
	}
	_, err := c.parseURL(address)
	return err
}

func (c *Client) parseURL(address string) (*url.URL, error) {
	if c.c.InsecureHTTP {
		return authdomain.ParseInsecureHTTP(address)
	}
	return authdomain.ParseHTTP(address)
}

// defaultScopes are those of Passport.
var defaultScopes = []string{"openid", "profile", "email", "offline_access", "transact"}

// chooseScopes takes the usual scopes as far as the provider lists them, for some
// refuse what they do not know. offline_access has to be listed.
func (c *Client) chooseScopes(o jwt.Object) []string {
	if c.c.Scopes != nil {
		return c.c.Scopes
	}
	offered, listed := o.Texts("scopes_supported")
	scopes := []string{"openid"}
	for _, scope := range []string{"profile", "email"} {
		if !listed || slices.Contains(offered, scope) {
			scopes = append(scopes, scope)
		}
	}
	if slices.Contains(offered, "offline_access") {
		scopes = append(scopes, "offline_access")
	}
	return scopes
}
