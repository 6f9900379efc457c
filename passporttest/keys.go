package passporttest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// firstKey is made once in a process: making an RSA key costs more than
// everything else that a test does here, and tests start many auth domains.
var firstKey = sync.OnceValue(newKey)

func newKey() jose.JSONWebKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	return jose.JSONWebKey{Key: private, KeyID: randomID(), Algorithm: string(jose.RS256), Use: "sig"}
}

// keyring holds the signing keys, newest first: the first one signs, all of
// them are published.
type keyring struct {
	mu   sync.Mutex
	keys []jose.JSONWebKey
}

func (k *keyring) published() []jose.JSONWebKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = []jose.JSONWebKey{firstKey()}
	}
	return k.keys
}

func (k *keyring) current() jose.JSONWebKey { return k.published()[0] }

func (k *keyring) rotate() {
	previous, next := k.current(), newKey()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = []jose.JSONWebKey{next, previous}
}

// RotateKeys makes a new signing key and uses it from now on. The key before
// it stays in the JWKS, as at Auth0; older ones leave it, so that calling
// RotateKeys twice makes every token issued so far unverifiable.
//
// All auth domains of a process share the key that they start with, because
// making one takes a while.
func (d *AuthDomain) RotateKeys() { d.keys.rotate() }

func (d *AuthDomain) jwks(w http.ResponseWriter, _ *http.Request) {
	var set jose.JSONWebKeySet
	for _, key := range d.keys.published() {
		set.Keys = append(set.Keys, key.Public())
	}
	writeJSON(w, http.StatusOK, set)
}

// sign returns a JWT of the kind that Auth0 makes.
func (d *AuthDomain) sign(claims map[string]any) string {
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: d.keys.current()}, options)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		panic("passporttest: claims that cannot be encoded: " + err.Error())
	}
	return token
}

// verify checks a token of ours and decodes its claims.
func (d *AuthDomain) verify(token string, claims any) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	for _, key := range d.keys.published() {
		set.Keys = append(set.Keys, key.Public())
	}
	return parsed.Claims(set, claims)
}

// randomID returns 192 random bits in 32 URL-safe characters.
func randomID() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
