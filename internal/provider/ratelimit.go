package provider

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// rateLimited lets a few requests through, and then one now and then: a flood of
// tokens with unknown keys must not become a flood of requests to the provider.
type rateLimited struct {
	base http.RoundTripper
	now  func() time.Time

	mu     sync.Mutex
	tokens int
	since  time.Time // when the bucket was last filled
}

const (
	keyFetchesAtOnce = 4
	keyFetchEvery    = 15 * time.Second
)

var errRateLimited = errors.New("passport: the signing keys were fetched too often just now")

func (s *rateLimited) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.allow() {
		return nil, errRateLimited
	}
	return s.base.RoundTrip(r)
}

func (s *rateLimited) allow() bool {
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
