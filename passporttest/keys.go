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

// firstKey is made once per process: generating an RSA key takes longer than
// everything else here, and tests start many auth domains.
var firstKey = sync.OnceValue(newKey)

// foreignKey is a key that no auth domain publishes.
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

// open adds the first key. The first request that signs does not wait for it: on a busy
// machine, generating a key may take longer than the client's time-out.
func (k *keyring) open() { k.keys = []jose.JSONWebKey{firstKey()} }

// published returns the keys. The caller may keep the result: a ring is replaced as a
// whole.
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

// RotateKeys generates a new signing key and uses it from now on. The previous key
// stays in the JWKS, as at Auth0; older ones are removed, so after a second call no
// token issued before the first can be verified.
//
// All auth domains of a process start with the same key, because generating one takes
// a while.
func (d *AuthDomain) RotateKeys() { d.keys.rotate() }

func (d *AuthDomain) jwks(w http.ResponseWriter, _ *http.Request) {
	cachePublicly(w)
	writeJSON(w, http.StatusOK, d.keys.jwks())
}

// sign returns a JWT in the form that Auth0 uses.
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
