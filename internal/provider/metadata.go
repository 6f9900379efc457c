package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/internal/authdomain"
)

// Metadata is what is known of a provider, and what verifies its tokens.
type Metadata struct {
	Endpoints authdomain.Endpoints

	// IssuerInResponse says that each response to a login names the issuer (RFC
	// 9207 §3).
	IssuerInResponse bool

	oauth        oauth2.Config
	idTokens     *oidc.IDTokenVerifier
	logoutTokens *oidc.IDTokenVerifier
}

// discoveryTimeout bounds the wait for a discovery document.
const discoveryTimeout = 10 * time.Second

// Metadata returns what is known of the provider: at once if it is configured or
// was discovered before. However many ask, one discovers; a caller whose ctx ends
// stops waiting. A discovery that fails is tried again by the next caller.
func (c *Client) Metadata(ctx context.Context) (*Metadata, error) {
	if m := c.metadata.Load(); m != nil {
		return m, nil
	}
	done := c.discovery.DoChan("", func() (m any, err error) {
		finished := make(chan struct{})
		c.c.Run(func(ctx context.Context) {
			defer close(finished)
			m, err = c.discoverAndKeep(ctx)
		})
		<-finished
		return m, err
	})
	select {
	case r := <-done:
		m, _ := r.Val.(*Metadata)
		return m, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("passport: the provider's discovery document is not there yet: %w", ctx.Err())
	}
}

func (c *Client) discoverAndKeep(ctx context.Context) (*Metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	m, err := c.discover(ctx)
	if err == nil {
		c.metadata.Store(m)
	}
	return m, err
}

// discover reads the provider's metadata (OpenID Connect Discovery 1.0 §4, RFC
// 8414 §2 for revocation, RP-Initiated Logout 1.0 §2.1 for the end of session,
// RFC 8628 §4 for devices, RFC 9207 §3 for the issuer in responses).
func (c *Client) discover(ctx context.Context) (*Metadata, error) {
	provider, err := oidc.NewProvider(c.withClient(ctx), c.c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("passport: the provider's discovery document could not be fetched: %w", err)
	}
	var more struct {
		Keys             string   `json:"jwks_uri"`
		Revocation       string   `json:"revocation_endpoint"`
		EndSession       string   `json:"end_session_endpoint"`
		Device           string   `json:"device_authorization_endpoint"`
		AuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
		IssuerInResponse bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, errors.New("passport: the provider's discovery document is not readable")
	}
	e := authdomain.Endpoints{
		Authorize: provider.Endpoint().AuthURL,
		Token:     provider.Endpoint().TokenURL,
		Keys:      more.Keys,
		Revoke:    more.Revocation,
		Logout:    more.EndSession,
		Device:    more.Device,
	}
	if err := checkEndpoints(e); err != nil {
		return nil, err
	}
	m := c.newMetadata(e, c.authStyle(more.AuthMethods))
	m.IssuerInResponse = more.IssuerInResponse
	return m, nil
}

// optional are the endpoints that a provider may do without.
var optional = []string{"revocation_endpoint", "end_session_endpoint", "device_authorization_endpoint"}

// checkEndpoints refuses what would send secrets in the clear.
func checkEndpoints(e authdomain.Endpoints) error {
	for name, address := range map[string]string{
		"authorization_endpoint":        e.Authorize,
		"token_endpoint":                e.Token,
		"jwks_uri":                      e.Keys,
		"revocation_endpoint":           e.Revoke,
		"end_session_endpoint":          e.Logout,
		"device_authorization_endpoint": e.Device,
	} {
		if address == "" && slices.Contains(optional, name) {
			continue
		}
		if _, err := authdomain.ParseHTTP(address); err != nil {
			return fmt.Errorf("passport: the provider's %s %w", name, err)
		}
	}
	return nil
}

// authStyle is how the client authenticates: client_secret_basic is the default
// (OpenID Connect Discovery 1.0 §3); a public client only names itself.
func (c *Client) authStyle(supported []string) oauth2.AuthStyle {
	if c.c.ClientSecret == "" || len(supported) > 0 && !slices.Contains(supported, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// newMetadata adds to the endpoints what uses them. The style is given, for
// probing would use up a code.
//
// Logout tokens come from anybody, so they have a key set of their own, which
// fetches keys only so often.
func (c *Client) newMetadata(e authdomain.Endpoints, style oauth2.AuthStyle) *Metadata {
	limited := *c.http
	base := limited.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	limited.Transport = &rateLimited{base: base, now: c.c.Now}
	keys := func(client *http.Client) oidc.KeySet {
		return oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), e.Keys)
	}
	config := &oidc.Config{ClientID: c.c.ClientID, Now: c.c.Now, SupportedSigningAlgs: signingAlgs}
	return &Metadata{
		Endpoints: e,
		oauth: oauth2.Config{
			ClientID:     c.c.ClientID,
			ClientSecret: c.c.ClientSecret,
			Scopes:       c.c.Scopes,
			Endpoint:     oauth2.Endpoint{AuthURL: e.Authorize, TokenURL: e.Token, AuthStyle: style},
		},
		idTokens:     oidc.NewVerifier(c.c.Issuer, keys(c.http), config),
		logoutTokens: oidc.NewVerifier(c.c.Issuer, asRead{keys(&limited)}, config),
	}
}
