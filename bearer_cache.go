package passport

import (
	"sync"
	"time"
)

// bearerCache remembers the tokens that were verified, by their hashes. It has two
// halves: when the newer is full, it takes the place of the older, which is
// forgotten. A token that is used moves to the newer. Only a provider can make tokens
// that get in here, and however many it makes, memory is bounded.
type bearerCache struct {
	mu           sync.Mutex
	newer, older map[string]rememberedBearer
}

type rememberedBearer struct {
	bearer *Bearer
	until  time.Time
}

const (
	// bearerHalf is how many tokens half a cache holds.
	bearerHalf = 4096

	// longestRemembered bounds the token that is remembered, in bytes; a longer one
	// is verified with each request. With bearerHalf it bounds the cache: 32 MB.
	longestRemembered = 4 << 10

	// bearerMemory is how long a verification is good for: as long as the keys, so
	// that those which the provider has withdrawn are forgotten.
	bearerMemory = time.Hour
)

func (c *bearerCache) get(hash string, now time.Time) *Bearer {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.newer[hash]
	if !ok {
		if r, ok = c.older[hash]; ok {
			c.add(hash, r)
		}
	}
	if !ok || !now.Before(r.until) {
		return nil
	}
	return r.bearer
}

func (c *bearerCache) put(b *Bearer, length int, now time.Time) {
	if length > longestRemembered {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(b.hash, rememberedBearer{b, now.Add(bearerMemory)})
}

func (c *bearerCache) add(hash string, r rememberedBearer) {
	if c.newer == nil || len(c.newer) >= bearerHalf {
		c.older, c.newer = c.newer, map[string]rememberedBearer{}
	}
	c.newer[hash] = r
}
