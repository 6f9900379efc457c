package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
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

	// keysGrace is how long after they are due newer keys are fetched in the background.
	// Later, as when nobody has come for hours, a request waits for them.
	keysGrace = 5 * time.Minute

	// maxKeys bounds how many keys a token is tried with.
	maxKeys = 64

	// mostWaiting bounds how many strangers wait for keys at once.
	mostWaiting = 1024
)

// keySet are the provider's signing keys. At most one fetch of them is under way.
type keySet struct {
	limit   rateLimit // of fetches that strangers cause
	waiting atomic.Int64

	mu       sync.Mutex
	state    keyState
	underway *keyFetch // nil: none
}

// keyState is what is known of the keys at a moment.
type keyState struct {
	keys    []jose.JSONWebKey
	due     time.Time // when they are to be fetched again
	begun   uint64    // how many fetches have been begun
	fetched uint64    // the number of the one that keys are from
	failed  bool      // the latest fetch
}

// keyFetch is a fetch of the keys, for all who want them meanwhile.
type keyFetch struct {
	number uint64
	done   chan struct{}
	err    error // once done is closed
}

func (s *keySet) current() keyState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// fetch returns the fetch that is under way or, if there is none, a new one, which the
// caller has to carry out. It is nil if strangers have caused too many.
func (s *keySet) fetch(stranger bool) (f *keyFetch, isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.underway != nil {
		return s.underway, false
	}
	if stranger && !s.limit.allow() {
		return nil, false
	}
	s.state.begun++
	s.underway = &keyFetch{number: s.state.begun, done: make(chan struct{})}
	return s.underway, true
}

// end notes what a fetch has brought.
func (s *keySet) end(f *keyFetch, keys []jose.JSONWebKey, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.failed = err != nil
	if err != nil {
		s.state.due = now.Add(keysRetry)
	} else {
		s.state.keys, s.state.fetched, s.state.due = keys, f.number, now.Add(keysLife)
	}
	s.underway, f.err = nil, err
	close(f.done)
}

var (
	errAlgorithm   = errors.New("its alg is not one of those that are accepted")
	errSignature   = errors.New("its signature is not by a key of the provider")
	errRateLimited = errors.New("its key is unknown, and the provider's keys were fetched too often just now")
	errWaiting     = errors.New("too many requests wait for the provider's keys")
	errTooLate     = errors.New("it is too late to fetch the provider's keys")
)

// ErrKeys reports that the provider's keys could not be fetched, so that nothing is
// known of a signature.
var ErrKeys = errors.New("passport: the provider's signing keys are not available")

// verifyStrangersSignature checks the signature of a token that anybody may have sent.
// ErrKeys: that was not possible. A token by an unknown key is invalid although the keys
// are not fetched for it, if that has just been done for others, and brought keys.
func (c *Client) verifyStrangersSignature(ctx context.Context, raw string) error {
	err := c.verifySignature(ctx, raw, true)
	switch {
	case err == nil, errors.Is(err, errSignature), errors.Is(err, errAlgorithm):
		return err
	case errors.Is(err, errRateLimited):
		if s := c.keys.current(); s.keys != nil && !s.failed {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrKeys, err)
}

// verifySignature checks the signature of a token against the provider's keys. If
// it is by none of them, the keys are fetched again (OpenID Connect Core 1.0
// §10.1.1): for a stranger's token only so often. Keys of a fetch that began before the
// token came say nothing of a key that is newer.
func (c *Client) verifySignature(ctx context.Context, raw string, stranger bool) error {
	token, err := jose.ParseSignedCompact(raw, signingAlgs)
	if err != nil {
		return errAlgorithm
	}
	before, now := c.keys.current(), c.c.Now()
	known := signedByOneOf(token, before.keys)
	if known && now.Before(before.due.Add(keysGrace)) {
		if !now.Before(before.due) {
			c.renewKeys()
		}
		return nil
	}
	for latest := before; latest.fetched <= before.begun; {
		err := c.awaitKeys(ctx, stranger)
		if err != nil && known {
			return nil // the old keys are in use until newer ones are there
		}
		if err != nil {
			return err
		}
		latest = c.keys.current()
		if signedByOneOf(token, latest.keys) {
			return nil
		}
	}
	return errSignature
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
func (c *Client) Check(ctx context.Context) error { return c.awaitKeys(ctx, false) }

// awaitKeys waits for a fetch of the keys: for the one that is under way, or for a new one.
// It costs a stranger nothing of the budget to wait with others.
func (c *Client) awaitKeys(ctx context.Context, stranger bool) error {
	defer c.keys.waiting.Add(-1)
	if c.keys.waiting.Add(1) > mostWaiting && stranger {
		return errWaiting
	}
	f, isNew := c.keys.fetch(stranger)
	if f == nil {
		return errRateLimited
	}
	if isNew {
		go c.c.Run(func(ctx context.Context) { c.fetchKeys(ctx, f) }) // Run may wait for its end
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return notYet(ctx)
	}
}

// renewKeys fetches the keys in the background, unless that is being done.
func (c *Client) renewKeys() {
	f, isNew := c.keys.fetch(false)
	if isNew && !c.c.Start(func(ctx context.Context) { c.fetchKeys(ctx, f) }) {
		c.keys.end(f, nil, errTooLate, c.c.Now())
	}
}

func (c *Client) fetchKeys(ctx context.Context, f *keyFetch) {
	m, err := c.Metadata(ctx)
	var keys []jose.JSONWebKey
	if err == nil {
		if keys, err = c.readKeys(ctx, m.Endpoints.Keys); err != nil {
			err = fmt.Errorf("the provider's signing keys could not be used: %w", err)
		}
	}
	c.keys.end(f, keys, err, c.c.Now())
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
