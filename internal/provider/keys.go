package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passport-go/passport/internal/jwt"
)

// signingAlgs are those that a provider's tokens may be signed by: the
// asymmetric ones, never "none".
var signingAlgs = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512,
	jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

const (
	// keysLife is how long keys are used before they are fetched again, so that a
	// key that the provider has withdrawn is forgotten.
	keysLife = time.Hour

	// keysRetry is how long after a failure old keys are used without trying to
	// fetch newer ones.
	keysRetry = 30 * time.Second

	// maxKeys bounds how many keys a token is tried with.
	maxKeys = 64
)

// keySet are the provider's signing keys.
type keySet struct {
	limit rateLimit // of fetches that strangers cause

	mu   sync.Mutex
	keys []jose.JSONWebKey
	due  time.Time // when they are to be fetched again
}

func (s *keySet) current() (keys []jose.JSONWebKey, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.due
}

func (s *keySet) replace(keys []jose.JSONWebKey, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = due
	if keys != nil {
		s.keys = keys
	}
}

var (
	errAlgorithm   = errors.New("its alg is not one of those that are accepted")
	errSignature   = errors.New("its signature is not by a key of the provider")
	errRateLimited = errors.New("its key is unknown, and the provider's keys were fetched too often just now")
)

// ErrKeys reports that the provider's keys could not be fetched, so that nothing is
// known of a signature.
var ErrKeys = errors.New("passport: the provider's signing keys are not available")

// verifyStrangersSignature checks the signature of a token that anybody may have sent.
// ErrKeys: that was not possible.
func (c *Client) verifyStrangersSignature(ctx context.Context, raw string) error {
	err := c.verifySignature(ctx, raw, true)
	switch keys, _ := c.keys.current(); {
	case err == nil, errors.Is(err, errSignature), errors.Is(err, errAlgorithm), errors.Is(err, errRateLimited) && keys != nil:
		return err
	}
	return fmt.Errorf("%w: %w", ErrKeys, err)
}

// verifySignature checks the signature of a token against the provider's keys. If
// it is by none of them, the keys are fetched again (OpenID Connect Core 1.0
// §10.1.1): for a stranger's token only so often.
func (c *Client) verifySignature(ctx context.Context, raw string, stranger bool) error {
	token, err := jose.ParseSignedCompact(raw, signingAlgs)
	if err != nil {
		return errAlgorithm
	}
	keys, due := c.keys.current()
	known := signedByOneOf(token, keys)
	switch {
	case known && c.c.Now().Before(due):
		return nil
	case stranger && !c.keys.limit.allow():
		if known {
			return nil
		}
		return errRateLimited
	}
	err = c.once(ctx, "keys", c.fetchKeys)
	if err != nil && known {
		return nil // the old keys are in use until newer ones are there
	}
	if err != nil {
		return err
	}
	if keys, _ := c.keys.current(); !signedByOneOf(token, keys) {
		return errSignature
	}
	return nil
}

func signedByOneOf(token *jose.JSONWebSignature, keys []jose.JSONWebKey) bool {
	header := token.Signatures[0].Protected
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if _, err := token.Verify(key.Key); err == nil {
			return true
		}
	}
	return false
}

// Check reads the provider's metadata, if it is discovered, and its keys, which are
// used from then on.
func (c *Client) Check(ctx context.Context) error { return c.once(ctx, "keys", c.fetchKeys) }

func (c *Client) fetchKeys(ctx context.Context) error {
	m, err := c.Metadata(ctx)
	if err != nil {
		return err
	}
	keys, err := c.readKeys(ctx, m.Endpoints.Keys)
	if err != nil {
		c.keys.replace(nil, c.c.Now().Add(keysRetry))
		return fmt.Errorf("the provider's signing keys could not be used: %w", err)
	}
	c.keys.replace(keys, c.c.Now().Add(keysLife))
	return nil
}

func (c *Client) readKeys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	res, err := c.get(ctx, address, "")
	if err != nil {
		return nil, err
	}
	if res.status != http.StatusOK {
		return nil, res.err()
	}
	keys, err := parseKeys(res.body)
	if err != nil {
		return nil, res.unusable(err.Error())
	}
	return keys, nil
}

// parseKeys reads a JWK Set. Keys that cannot be used are left out (RFC 7517 §5).
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	o, err := jwt.ParseObject(trimBOM(body))
	if err != nil {
		return nil, fmt.Errorf("is %w", err)
	}
	var entries []json.RawMessage
	if json.Unmarshal(o["keys"], &entries) != nil {
		return nil, errors.New("has no array of keys")
	}
	keys := []jose.JSONWebKey{}
	for _, entry := range entries {
		if key, ok := parseKey(entry); ok && len(keys) < maxKeys {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("has no usable key among %d", len(entries))
	}
	return keys, nil
}

// parseKey reads a public key for signatures. Its certificates are not looked at:
// the provider's own word is enough, and some send what is not one.
func parseKey(entry []byte) (jose.JSONWebKey, bool) {
	o, err := jwt.ParseObject(entry)
	if err != nil {
		return jose.JSONWebKey{}, false
	}
	if use, _ := o.Text("use"); use == "enc" {
		return jose.JSONWebKey{}, false
	}
	for _, name := range []string{"x5c", "x5t", "x5t#S256", "x5u"} {
		delete(o, name)
	}
	plain, err := json.Marshal(o)
	if err != nil {
		return jose.JSONWebKey{}, false
	}
	var key jose.JSONWebKey
	if key.UnmarshalJSON(plain) != nil || !key.IsPublic() {
		return jose.JSONWebKey{}, false
	}
	return key, true
}

// rateLimit lets a few through, and then one now and then: a flood of tokens with
// unknown keys must not become a flood of requests to the provider.
type rateLimit struct {
	now func() time.Time

	mu     sync.Mutex
	tokens int
	since  time.Time // when the bucket was last filled
}

const (
	keyFetchesAtOnce = 4
	keyFetchEvery    = 15 * time.Second
)

func (s *rateLimit) allow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.since.IsZero() {
		s.tokens, s.since = keyFetchesAtOnce, now
	}
	if gained := int(now.Sub(s.since) / keyFetchEvery); gained > 0 {
		s.tokens = min(keyFetchesAtOnce, s.tokens+gained)
		s.since = s.since.Add(time.Duration(gained) * keyFetchEvery)
	}
	if s.tokens == 0 {
		return false
	}
	s.tokens--
	return true
}
