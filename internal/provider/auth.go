package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// ClientAuth is how a client authenticates at the token endpoint, by the names of
// OpenID Connect Core 1.0 §9 and RFC 8705 §2.
type ClientAuth string

// The ways to authenticate. AuthNone only names the client; so does AuthTLS, whose
// certificate the transport presents.
const (
	AuthNone       ClientAuth = "none"
	AuthBasic      ClientAuth = "client_secret_basic"
	AuthPost       ClientAuth = "client_secret_post"
	AuthPrivateKey ClientAuth = "private_key_jwt"
	AuthTLS        ClientAuth = "tls_client_auth"
)

// chooseAuth goes by what the client has and the provider supports, which by
// default is client_secret_basic (OpenID Connect Discovery 1.0 §3).
func (c *Client) chooseAuth(supported []string) ClientAuth {
	switch {
	case c.c.Auth != "":
		return c.c.Auth
	case c.c.Key != nil:
		return AuthPrivateKey
	case c.c.ClientSecret == "":
		return AuthNone
	case len(supported) > 0 && !slices.Contains(supported, string(AuthBasic)):
		return AuthPost
	}
	return AuthBasic
}

// confidential reports whether the client can prove who it is.
func (m *Metadata) confidential() bool { return m.auth != AuthNone }

// authenticate adds to a request what shows that it is this client's.
func (c *Client) authenticate(m *Metadata, form url.Values, header http.Header) error {
	if m.auth == AuthBasic {
		r := http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(c.c.ClientID), url.QueryEscape(c.c.ClientSecret)) // RFC 6749 §2.3.1
		return nil
	}
	form.Set("client_id", c.c.ClientID)
	switch m.auth {
	case AuthPost:
		form.Set("client_secret", c.c.ClientSecret)
	case AuthPrivateKey:
		assertion, err := c.assertion(m)
		if err != nil {
			return err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	return nil
}

// assertionLife is how long an assertion is valid. One is made for each request.
const assertionLife = time.Minute

// assertion signs who the client is (RFC 7523 §3). It is for the token endpoint,
// as OpenID Connect Core 1.0 §9 recommends; Auth0 wants its issuer.
func (c *Client) assertion(m *Metadata) (string, error) {
	audience := m.Endpoints.Token
	if c.c.Endpoints != nil {
		audience = c.c.Issuer
	}
	now := c.c.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": c.c.ClientID, "sub": c.c.ClientID, "aud": audience,
		"jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	alg, err := KeyAlgorithm(c.c.Key)
	if err != nil {
		return "", err
	}
	key := jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: cryptosigner.Opaque(c.c.Key), KeyID: c.c.KeyID}}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("passport: the client's key cannot sign: %w", err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", errors.New("passport: the client's key did not sign")
	}
	return signed.CompactSerialize()
}

// KeyAlgorithm is what a key of private_key_jwt signs by.
func KeyAlgorithm(key crypto.Signer) (jose.SignatureAlgorithm, error) {
	if own, ok := key.(ed25519.PrivateKey); ok && len(own) != ed25519.PrivateKeySize {
		return "", errNoKey // of which Public would panic
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if public.N != nil && public.N.BitLen() >= 2048 {
			return jose.RS256, nil
		}
	case ed25519.PublicKey:
		return jose.EdDSA, nil
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		case elliptic.P521():
			return jose.ES512, nil
		}
	}
	return "", errNoKey
}

var errNoKey = errors.New("must be an RSA key of 2048 bits or more, an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key")
