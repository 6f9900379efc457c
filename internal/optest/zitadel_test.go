package optest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// zitadel is what the example provider of zitadel/oidc keeps in this process. It
// is for one provider at a time, and there is one for all tests, for RSA keys
// take long to make.
type zitadel struct {
	store   *storage.Storage
	clients map[string]*storage.Client
	key     *zitadelKey
}

func newZitadel(t *testing.T) *zitadel {
	t.Helper()
	clients := map[string]*storage.Client{}
	return &zitadel{storage.NewStorageWithClients(users{}, clients), clients, newZitadelKey(t)}
}

// provider starts a provider. It asks for credentials at each login, asks nothing
// at a logout, and sends no logout tokens, which are sent here on its behalf,
// signed by its key.
func (z *zitadel) provider(t *testing.T, c client) provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	z.clients[clientID] = storage.NativeClient(clientID, c.redirectURIs...)
	if c.secret != "" {
		z.clients[clientID] = storage.WebClient(clientID, c.secret, c.redirectURIs...)
	}
	keys := newZitadelKeys(t, z.key)
	store := zitadelStorage{Storage: z.store, keys: keys, logoutURIs: c.logoutURIs}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	server.Config.Handler = exampleop.SetupServer(issuer, store, log, false)
	server.Start()
	t.Cleanup(server.Close)

	sign := func(typ string, claims map[string]any) string {
		key, err := keys.SigningKey(t.Context())
		require.NoError(t, err)
		signer, err := jose.NewSigner(
			jose.SigningKey{Algorithm: key.SignatureAlgorithm(), Key: jose.JSONWebKey{Key: key.Key(), KeyID: key.ID()}},
			(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
		require.NoError(t, err)
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		require.NoError(t, err)
		return token
	}
	return provider{
		issuer: issuer,
		allow: func(b *browser, address string) {
			b.answer(b.open(address), "", "")
			b.open(issuer + "/device/confirm?action=allowed")
		},
		sign: sign,
		keys: keys,
		signOut: func(b *browser) {
			claims := logoutClaims(issuer)
			claims["sub"] = b.user
			sent := b.post(c.backChannelURI, url.Values{"logout_token": {sign("JWT", claims)}})
			require.Equal(t, http.StatusOK, sent.status, sent.body)
		},
	}
}

// logoutClaims are those of a logout token that two of three providers send: it
// has no exp. It lacks the user.
func logoutClaims(issuer string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss":    issuer,
		"aud":    []string{clientID},
		"iat":    now.Unix(),
		"jti":    fmt.Sprint(now.UnixNano()),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
}

// zitadelStorage gives the client what the example has no setting for.
type zitadelStorage struct {
	*storage.Storage
	keys       *zitadelKeys
	logoutURIs []string
}

func (s zitadelStorage) SigningKey(ctx context.Context) (op.SigningKey, error) {
	return s.keys.SigningKey(ctx)
}

func (s zitadelStorage) KeySet(ctx context.Context) ([]op.Key, error) { return s.keys.KeySet(ctx) }

func (s zitadelStorage) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return zitadelClient{c, s.logoutURIs}, nil
}

type zitadelClient struct {
	op.Client
	logoutURIs []string
}

func (c zitadelClient) PostLogoutRedirectURIs() []string { return c.logoutURIs }

// GrantTypes has the one for devices, too.
func (c zitadelClient) GrantTypes() []oidc.GrantType {
	return append([]oidc.GrantType{oidc.GrantTypeDeviceCode}, c.Client.GrantTypes()...)
}

// IDTokenUserinfoClaimsAssertion puts the email into the ID token.
func (c zitadelClient) IDTokenUserinfoClaimsAssertion() bool { return true }

// users are all who have the password.
type users struct{}

func (users) GetUserByID(id string) *storage.User {
	return &storage.User{ID: id, Username: id, Password: password, Email: id + "@example.com"}
}

func (u users) GetUserByUsername(name string) *storage.User { return u.GetUserByID(name) }

// ExampleClientID names the client of a grant that is not used here.
func (users) ExampleClientID() string { return "" }
