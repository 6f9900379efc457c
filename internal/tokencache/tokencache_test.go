package tokencache

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestACacheIsBounded(t *testing.T) {
	var c Cache[string]
	now := time.Now()
	known := func(hash string, at time.Time) bool {
		value, ok := c.Get(hash, at)
		assert.Equal(t, ok, value == hash)
		return ok
	}
	c.Put("used", "used", 1000, now)
	for i := range 5 * half {
		id := fmt.Sprint(i)
		c.Put(id, id, 1000, now)
		if i%100 == 0 {
			assert.True(t, known("used", now), "what is in use is remembered")
		}
	}
	assert.LessOrEqual(t, len(c.newer)+len(c.older), 2*half)
	assert.False(t, known("0", now))

	c.Put("long", "long", longest+1, now)
	assert.False(t, known("long", now))
	assert.True(t, known("used", now.Add(life-time.Second)))
	assert.False(t, known("used", now.Add(life)), "keys that are withdrawn are forgotten")
}
