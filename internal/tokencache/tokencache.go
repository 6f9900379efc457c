// Package tokencache remembers tokens that were verified.
package tokencache

import (
	"sync"
	"time"
)

const (
	// half is how many tokens half a cache holds.
	half = 4096

	// longest bounds the token that is remembered, in bytes; a longer one is verified
	// with each request. With half it bounds the cache: 32 MB.
	longest = 4 << 10

	// life is how long a verification is good for: as long as the keys, so that those
	// which the provider has withdrawn are forgotten.
	life = time.Hour
)

// Cache remembers what was verified, by the hashes of the tokens. It has two halves:
// when the newer is full, it takes the place of the older, which is forgotten. A
// token that is used moves to the newer. So its memory is bounded, however many
// tokens there are. The zero value is empty. Its methods may be called from many
// goroutines at once.
type Cache[V any] struct {
	mu           sync.Mutex
	newer, older map[string]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

// Get returns what was verified, if it is remembered.
func (c *Cache[V]) Get(hash string, now time.Time) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.newer[hash]
	if !ok {
		if e, ok = c.older[hash]; ok {
			c.add(hash, e)
		}
	}
	if !ok || !now.Before(e.until) {
		return value, false
	}
	return e.value, true
}

// Put remembers what was verified of a token of that length.
func (c *Cache[V]) Put(hash string, value V, length int, now time.Time) {
	if length > longest {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(hash, entry[V]{value, now.Add(life)})
}

func (c *Cache[V]) add(hash string, e entry[V]) {
	if c.newer == nil || len(c.newer) >= half {
		c.older, c.newer = c.newer, map[string]entry[V]{}
	}
	c.newer[hash] = e
}
