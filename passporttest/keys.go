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

// foreignKey is one that no auth domain publishes.
var foreignKey = sync.OnceValue(newKey)

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

// open puts the first key into a ring. That is not left to the first request that
// signs: whoever makes it gives up after a while, and on a busy machine a key takes
// longer.
func (k *keyring) open() { k.keys = []jose.JSONWebKey{firstKey()} }

// published returns the keys. The caller may keep what it returns: a ring is
// replaced as a whole.
func (k *keyring) published() []jose.JSONWebKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys
}

func (k *keyring) current() jose.JSONWebKey { return k.published()[0] }

func (k *keyring) rotate() {
	next := newKey()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = []jose.JSONWebKey{next, k.keys[0]}
}

func (k *keyring) jwks() jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for _, key := range k.published() {
		set.Keys = append(set.Keys, key.Public())
	}
	return set
}

// RotateKeys makes a new signing key and uses it from now on. The key before
// it stays in the JWKS, as at Auth0; older ones leave it, so that calling
// RotateKeys twice makes every token issued so far unverifiable.
//
// All auth domains of a process share the key that they start with, because
// making one takes a while.
func (d *AuthDomain) RotateKeys() { d.keys.rotate() }

func (d *AuthDomain) jwks(w http.ResponseWriter, _ *http.Request) {
	cachePublicly(w)
	writeJSON(w, http.StatusOK, d.keys.jwks())
}

// sign returns a JWT of the kind that Auth0 makes.
func (d *AuthDomain) sign(claims map[string]any) string {
	key := d.keys.current()
	return signJWT(key, jwtHeader(key), claims)
}

func jwtHeader(key jose.JSONWebKey) map[string]any {
	return map[string]any{"alg": "RS256", "typ": "JWT", "kid": key.KeyID}
}

// verify checks a token of ours and decodes its claims.
func (d *AuthDomain) verify(token string, claims any) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	return parsed.Claims(d.keys.jwks(), claims)
}

// randomID returns 192 random bits in 32 URL-safe characters.
func randomID() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
