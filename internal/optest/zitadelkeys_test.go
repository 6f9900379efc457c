package optest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// zitadelKeys are the keys that zitadel's OP signs by and publishes, which the
// example never changes.
type zitadelKeys struct {
	t *testing.T

	mu        sync.Mutex
	signing   *zitadelKey
	published []op.Key
	fetched   int
}

func newZitadelKeys(t *testing.T, first *zitadelKey) *zitadelKeys {
	return &zitadelKeys{t: t, signing: first, published: []op.Key{zitadelPublicKey{first}}}
}

// rotate has the provider sign by a new key, and publish it beside the others.
func (k *zitadelKeys) rotate() {
	k.t.Helper()
	k.withdraw()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.published = append(k.published, zitadelPublicKey{k.signing})
}

// withdraw has the provider sign by a new key that it does not publish.
func (k *zitadelKeys) withdraw() {
	k.t.Helper()
	key := newZitadelKey(k.t)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signing = key
}

// asked is how often the published keys were fetched.
func (k *zitadelKeys) asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fetched
}

// SigningKey and KeySet are the storage's.
func (k *zitadelKeys) SigningKey(context.Context) (op.SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.signing, nil
}

func (k *zitadelKeys) KeySet(context.Context) ([]op.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetched++
	return append([]op.Key(nil), k.published...), nil
}

type zitadelKey struct {
	id      string
	private *rsa.PrivateKey
}

func newZitadelKey(t *testing.T) *zitadelKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return &zitadelKey{id: rand.Text(), private: private}
}

func (k *zitadelKey) ID() string                                  { return k.id }
func (k *zitadelKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *zitadelKey) Key() any                                    { return k.private }

type zitadelPublicKey struct{ *zitadelKey }

func (k zitadelPublicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k zitadelPublicKey) Use() string                        { return "sig" }
func (k zitadelPublicKey) Key() any                           { return &k.private.PublicKey }
