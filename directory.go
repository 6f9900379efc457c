package passport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport/internal/authdomain"
)

// directory knows where a provider's endpoints are: at once for the Passport
// auth domain, by discovery for any other. It may be used from many goroutines.
type directory struct {
	c      *settled
	client *http.Client
	tasks  *tasks

	found  atomic.Pointer[entry] // nil until discovered
	flight singleflight.Group
}

// entry is a provider as the directory has it, and what verifies its tokens.
type entry struct {
	endpoints    authdomain.Endpoints
	oauth        oauth2.Config
	idTokens     *oidc.IDTokenVerifier
	logoutTokens *oidc.IDTokenVerifier
	saysIssuer   bool // in each answer to a login (RFC 9207 §3)
}

func newDirectory(c *settled, client *http.Client, t *tasks) *directory {
	d := &directory{c: c, client: client, tasks: t}
	if !c.Discover {
		d.found.Store(d.enter(c.endpoints, oauth2.AuthStyleInParams))
	}
	return d
}

// discoveryTimeout bounds the wait for a discovery document.
const discoveryTimeout = 10 * time.Second

// look returns the entry. However many ask, one discovers; whoever does not want
// to wait any longer need not. A discovery that fails is tried again by the next
// caller.
func (d *directory) look(ctx context.Context) (*entry, error) {
	if found := d.found.Load(); found != nil {
		return found, nil
	}
	done := d.flight.DoChan("", func() (found any, err error) {
		finished := make(chan struct{})
		find := func(ctx context.Context) {
			defer close(finished)
			found, err = d.find(ctx)
		}
		if !d.tasks.start(find) {
			find(d.tasks.last())
		}
		<-finished
		return found, err
	})
	select {
	case r := <-done:
		found, _ := r.Val.(*entry)
		return found, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("passport: the provider's discovery document is not there yet: %w", ctx.Err())
	}
}

// find discovers, and remembers what it has found.
func (d *directory) find(ctx context.Context) (*entry, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	found, err := d.discover(ctx)
	if err == nil {
		d.found.Store(found)
	}
	return found, err
}

// discover reads the provider's metadata (OpenID Connect Discovery 1.0 §4, RFC
// 8414 §2 for revocation, RP-Initiated Logout 1.0 §2.1 for the end of session,
// RFC 8628 §4 for devices, RFC 9207 §3 for the issuer in answers).
func (d *directory) discover(ctx context.Context) (*entry, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, d.client), d.c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("passport: the provider's discovery document could not be had: %w", err)
	}
	var more struct {
		Keys        string   `json:"jwks_uri"`
		Revocation  string   `json:"revocation_endpoint"`
		EndSession  string   `json:"end_session_endpoint"`
		Device      string   `json:"device_authorization_endpoint"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		SaysIssuer  bool     `json:"authorization_response_iss_parameter_supported"`
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
	found := d.enter(e, d.authStyle(more.AuthMethods))
	found.saysIssuer = more.SaysIssuer
	return found, nil
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
func (d *directory) authStyle(supported []string) oauth2.AuthStyle {
	if d.c.ClientSecret == "" || len(supported) > 0 && !slices.Contains(supported, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// enter builds an entry. The style is given, for probing would use up a code.
//
// Logout tokens come from anybody, so they have a key set of their own, which
// asks for keys only so often.
func (d *directory) enter(e authdomain.Endpoints, style oauth2.AuthStyle) *entry {
	spare := *d.client
	spare.Transport = &sparing{base: either(d.client.Transport, http.DefaultTransport), now: d.c.Now}
	keys := func(client *http.Client) oidc.KeySet {
		return oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), e.Keys)
	}
	config := &oidc.Config{ClientID: d.c.ClientID, Now: d.c.Now, SupportedSigningAlgs: signingAlgs}
	return &entry{
		endpoints: e,
		oauth: oauth2.Config{
			ClientID:     d.c.ClientID,
			ClientSecret: d.c.ClientSecret.Reveal(),
			Scopes:       d.c.Scopes,
			Endpoint:     oauth2.Endpoint{AuthURL: e.Authorize, TokenURL: e.Token, AuthStyle: style},
		},
		idTokens:     oidc.NewVerifier(d.c.Issuer, keys(d.client), config),
		logoutTokens: oidc.NewVerifier(d.c.Issuer, asRead{keys(&spare)}, config),
	}
}
