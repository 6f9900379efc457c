package provider

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"
)

// backOff spares a provider that is unwell, or refuses this program, and the firewall
// in front of it, which blocks for longer those who keep asking: a refresh that has
// failed is not tried again for a while, by this process.
type backOff struct {
	now func() time.Time

	mu     sync.Mutex
	failed map[[sha256.Size]byte]failure // by refresh token
}

type failure struct {
	times int
	until time.Time
	err   error
}

const (
	// The wait: none after the first failure, 1 s after the second, doubled each
	// time up to a minute; longer if Retry-After says so, up to an hour.
	firstRefreshRetry  = time.Second
	maxRefreshRetry    = time.Minute
	maxRefreshDeferred = time.Hour

	// maxFailures bounds how many tokens are remembered.
	maxFailures = 10_000
)

// RefreshDelayed returns the error of the last try to refresh by a token, if it
// is too early for another.
func (c *Client) RefreshDelayed(refreshToken string) error {
	return c.backOff.delayed(refreshToken)
}

func (b *backOff) delayed(refreshToken string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.failed) == 0 {
		return nil
	}
	f := b.failed[sha256.Sum256([]byte(refreshToken))]
	if wait := f.until.Sub(b.now()); f.err != nil && wait > 0 {
		return fmt.Errorf("passport: the refresh is tried again in %v: %w", wait.Round(time.Second), f.err)
	}
	return nil
}

// note remembers how a refresh ended.
func (b *backOff) note(refreshToken string, err error) {
	key := sha256.Sum256([]byte(refreshToken))
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil || InvalidGrant(err) { // the token will not be used again
		delete(b.failed, key)
		return
	}
	now := b.now()
	if len(b.failed) >= maxFailures {
		b.forget(now)
	}
	if b.failed == nil {
		b.failed = map[[sha256.Size]byte]failure{}
	}
	f := b.failed[key]
	wait := time.Duration(0)
	if f.times > 0 {
		wait = min(firstRefreshRetry<<min(f.times-1, 10), maxRefreshRetry)
	}
	var refused *Error
	if errors.As(err, &refused) {
		wait = max(wait, min(refused.RetryAfter, maxRefreshDeferred))
	}
	b.failed[key] = failure{f.times + 1, now.Add(wait), err}
}

// forget drops what is over or, if nothing is, everything.
func (b *backOff) forget(now time.Time) {
	for key, f := range b.failed {
		if !f.until.After(now) {
			delete(b.failed, key)
		}
	}
	if len(b.failed) >= maxFailures {
		clear(b.failed)
	}
}
