package storagetest

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
)

// parallel calls do n times concurrently and waits for all. do must use Errorf, not
// Fatalf, as package testing requires.
func parallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	wg.Wait()
}

// rounds returns how often to try something: n times, fewer with -short, more with
// STORAGETEST_SOAK.
func rounds(n int) int {
	switch {
	case !testing.Short():
		return n * max(1, soak)
	case soak > 0: // a slow store has its full count then
		return n
	}
	return tenth(n)
}

func tenth(n int) int { return (n + 9) / 10 }

// soak is the number in the environment variable, 0 if there is none.
var soak, _ = strconv.Atoi(os.Getenv("STORAGETEST_SOAK"))

// budget is how long a check repeats one thing once it has tried often enough. A store
// that rewrites everything with each change would take minutes.
const budget = time.Second / 2

// upTo counts from 0 to n, and stops early, but not before a tenth of it, if that
// takes longer than the budget. With STORAGETEST_SOAK it counts on.
func upTo(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for start, i := time.Now(), 0; i < rounds(n); i++ {
			if i >= tenth(n) && soak == 0 && time.Since(start) > budget || !yield(i) {
				return
			}
		}
	}
}

// on returns the fixture with one of the stores, for the i-th of many callers.
func (f *fixture) on(i int) *fixture {
	other := *f
	other.store = f.at(i)
	return &other
}

// atLeast counts as upTo does, but longer if that was fast: what only happens when calls
// overlap must be tried more often if they are short.
func atLeast(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		start, next := time.Now(), 0
		for i := range upTo(n) {
			if next = i + 1; !yield(i) {
				return
			}
		}
		spare := time.Duration(rounds(100)) * time.Millisecond
		for i := next; time.Since(start) < spare; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// at returns one of the stores, for the i-th of many callers.
func (f *fixture) at(i int) storage.TokenStore { return f.stores[i%len(f.stores)] }

// outcome counts the successful calls, where calls may fail with one error.
type outcome struct{ won atomic.Int64 }

func (o *outcome) count(f *fixture, err, losing error, doing string) {
	if err == nil {
		o.won.Add(1)
	} else if !errors.Is(err, losing) {
		f.Errorf("%s: %v; want success or %q", doing, err, losing)
	}
}

func (o *outcome) want(f *fixture, won int64, doing string) {
	f.Helper()
	if got := o.won.Load(); got != won {
		f.Fatalf("%s succeeded for %d callers; want %d", doing, got, won)
	}
}
