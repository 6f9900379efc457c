package provider

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/passporttest"
)

// signed is an auth domain's key, and tokens of the size of Immutable's that it
// has signed. An ID token differs from a logout token by its claims alone.
type signed struct {
	auth                 *passporttest.Server
	key                  *rsa.PublicKey
	idToken, logoutToken string
}

func newSigned(b *testing.B) signed {
	b.Helper()
	s := signed{auth: passporttest.NewServer(passporttest.Options{})}
	b.Cleanup(s.auth.Close)
	res, err := s.auth.Client().Get(s.auth.URL + "/.well-known/jwks.json")
	require.NoError(b, err)
	defer res.Body.Close()
	var keys jose.JSONWebKeySet
	require.NoError(b, json.NewDecoder(res.Body).Decode(&keys))
	s.key = keys.Keys[0].Key.(*rsa.PublicKey)
	s.logoutToken = s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: "alice", SID: "sid"})
	s.idToken = s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: "alice", Edit: func(_, claims map[string]any) {
		delete(claims, "events")
		claims["padding"] = strings.Repeat("i", 390)
	}})
	require.InDelta(b, 1200, len(s.idToken), 50)
	return s
}

// verifyRaw is the least that a verification can be: the signature is checked
// and the claims are decoded, once.
func (s signed) verifyRaw(token string) error {
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(token[:dot]))
	if err := rsa.VerifyPKCS1v15(s.key, crypto.SHA256, sum[:], signature); err != nil {
		return err
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		Expiry   int64  `json:"exp"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(token[strings.IndexByte(token, '.')+1 : dot])
	if err != nil {
		return err
	}
	return json.Unmarshal(payload, &claims)
}

// BenchmarkTokens verifies ID tokens and logout tokens (RS256): with next to
// nothing, with go-oidc alone, and as the SDK does.
func BenchmarkTokens(b *testing.B) {
	s := newSigned(b)
	endpoints := authdomain.At(s.auth.URL)
	p := New(Config{
		Run:    func(f func(context.Context)) { f(context.Background()) },
		Issuer: s.auth.URL + "/", ClientID: passporttest.ClientID, Endpoints: &endpoints,
		HTTPClient: s.auth.Client(), Now: time.Now,
	})
	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{s.key}}
	peer := oidc.NewVerifier(s.auth.URL+"/", keys, &oidc.Config{ClientID: passporttest.ClientID})

	for _, c := range []struct {
		name   string
		verify func(ctx context.Context) error
	}{
		{"id/limit", func(context.Context) error { return s.verifyRaw(s.idToken) }},
		{"id/go-oidc", func(ctx context.Context) error { _, err := peer.Verify(ctx, s.idToken); return err }},
		{"id/passport", func(ctx context.Context) error {
			_, err := p.VerifyIDToken(ctx, s.idToken)
			return err
		}},
		{"logout/limit", func(context.Context) error { return s.verifyRaw(s.logoutToken) }},
		{"logout/go-oidc", func(ctx context.Context) error { _, err := peer.VerifyLogout(ctx, s.logoutToken); return err }},
		{"logout/passport", func(ctx context.Context) error { _, err := p.VerifyLogoutToken(ctx, s.logoutToken); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.verify(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
