package storagetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
)

// recorder stands in for testing.T where a check is expected to fail.
type recorder struct {
	ctx context.Context

	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Logf(string, ...any)      {}
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failuresOf runs the check on the stores and returns what it finds wrong.
func failuresOf(t *testing.T, c check, open func(now func() time.Time) []storage.TokenStore) []string {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &recorder{ctx: ctx}
	clock := newClock()
	f := newFixture(r, clock, open(clock.Now)...)
	f.patience = 100 * time.Millisecond
	var wg sync.WaitGroup
	wg.Go(func() { c.run(f) })
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}
