package marks

import (
	"sync"
	"time"
)

// Budget bounds how many marks anybody may have us store: mostAtOnce, and then one
// every budgetEvery. The zero value is ready for use, by many goroutines at once.
type Budget struct {
	mu    sync.Mutex
	spent int
	since time.Time // when the oldest of spent was
}

const (
	mostAtOnce  = 1000
	budgetEvery = 100 * time.Millisecond
)

// Spend reports whether one more mark may be stored.
func (b *Budget) Spend() bool { return b.SpendMany(1) }

// SpendMany is Spend for what counts as n marks.
func (b *Budget) SpendMany(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if back := int(now.Sub(b.since) / budgetEvery); back >= b.spent {
		b.spent, b.since = 0, now
	} else {
		b.spent -= back
		b.since = b.since.Add(time.Duration(back) * budgetEvery)
	}
	if b.spent+n > mostAtOnce {
		return false
	}
	b.spent += n
	return true
}
