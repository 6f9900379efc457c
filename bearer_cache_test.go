package passport

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheCacheOfBearerTokensIsBounded(t *testing.T) {
	var c bearerCache
	now := time.Now()
	used := &Bearer{hash: "used"}
	c.put(used, 1000, now)
	for i := range 5 * bearerHalf {
		c.put(&Bearer{hash: fmt.Sprint(i)}, 1000, now)
		if i%100 == 0 {
			assert.Same(t, used, c.get("used", now), "what is in use is remembered")
		}
	}
	assert.LessOrEqual(t, len(c.newer)+len(c.older), 2*bearerHalf)
	assert.Nil(t, c.get("0", now))

	c.put(&Bearer{hash: "long"}, longestRemembered+1, now)
	assert.Nil(t, c.get("long", now))
	assert.NotNil(t, c.get("used", now.Add(bearerMemory-time.Second)))
	assert.Nil(t, c.get("used", now.Add(bearerMemory)), "keys that are withdrawn are forgotten")
}

// A mark that comes late, because the store was down, does not take back what a later
// login was granted.
func TestAnOlderLogoutDoesNotEndWhatALaterLoginHasSpared(t *testing.T) {
	m := bearerMark{}.moved(bearerMark{Time: 100, Order: 10})
	m, lifted := m.lifted(11, 98, []string{"fresh"})
	assert.True(t, lifted)
	assert.True(t, m.ends(98, []string{"old"}), "a tie")
	assert.False(t, m.ends(98, []string{"fresh"}))
	assert.False(t, m.ends(99, nil), "issued after the login")
	m = m.moved(bearerMark{Time: 100, Order: 9})
	assert.False(t, m.ends(98, []string{"fresh"}))
	m = m.moved(bearerMark{Time: 98, Order: 12})
	assert.True(t, m.ends(98, []string{"fresh"}), "a later logout")

	_, lifted = m.lifted(12, 98, []string{"begun before"})
	assert.False(t, lifted)
}
