package storagetest

import (
	"sync"
	"time"
)

// clock stands still until it is advanced.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock starts within a second of the present: at a whole millisecond, the precision
// of stores, but not at a whole second.
func newClock() *clock {
	return &clock{now: time.Now().Round(0).Truncate(time.Second).Add(time.Second + 7*time.Millisecond)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
