// Package observe counts and times the calls to a store, and has them traced.
package observe

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/storeanswer"
)

// Span is an operation that is being traced. Either function may be nil.
type Span struct {
	Context func(context.Context) context.Context
	End     func(error)
}

// Within returns ctx with the span in it.
func (s Span) Within(ctx context.Context) context.Context {
	if s.Context == nil {
		return ctx
	}
	return s.Context(ctx)
}

// Ended says how the operation ended.
func (s Span) Ended(err error) {
	if s.End != nil {
		s.End(err)
	}
}

// call is a method of a store.
type call int

const (
	load call = iota
	save
	remove
	removeMatching
	list
	removeAndEnqueue
	removeMatchingAndEnqueue
	enqueue
	claim
	retry
	complete
	count
	calls
)

var names = [calls]string{
	load:                     "store.load",
	save:                     "store.save",
	remove:                   "store.delete",
	removeMatching:           "store.delete_matching",
	list:                     "store.list",
	removeAndEnqueue:         "store.delete_and_enqueue",
	removeMatchingAndEnqueue: "store.delete_matching_and_enqueue",
	enqueue:                  "store.enqueue",
	claim:                    "store.claim",
	retry:                    "store.retry",
	complete:                 "store.complete",
	count:                    "store.count_revocations",
}

// Counts are those of one method of the store.
type Counts struct {
	Calls, Errors uint64
	Time          time.Duration // of all calls together
}

type counter struct {
	calls, errors atomic.Uint64
	nanoseconds   atomic.Int64
}

// Meter counts. Its methods take no lock.
type Meter struct {
	start    func(context.Context, string) Span // nil: nothing is traced
	counters [calls]counter
}

// New returns a Meter that has each call traced by start, which may be nil.
func New(start func(ctx context.Context, operation string) Span) *Meter { return &Meter{start: start} }

// Counts returns what was counted, by the name of the operation.
func (m *Meter) Counts() map[string]Counts {
	all := make(map[string]Counts, calls)
	for c := range m.counters {
		of := &m.counters[c]
		all[names[c]] = Counts{of.calls.Load(), of.errors.Load(), time.Duration(of.nanoseconds.Load())}
	}
	return all
}

// measure makes one call.
func measure[T any](ctx context.Context, m *Meter, c call, do func(context.Context) (T, error)) (T, error) {
	var span Span
	if m.start != nil {
		span = m.start(ctx, names[c])
		ctx = span.Within(ctx)
	}
	begun := time.Now()
	result, err := do(ctx)
	of := &m.counters[c]
	of.nanoseconds.Add(int64(time.Since(begun)))
	of.calls.Add(1)
	failed := err
	if storeanswer.Is(err) {
		failed = nil
	}
	if failed != nil && !errors.Is(failed, context.Canceled) { // by the caller
		of.errors.Add(1)
	}
	span.Ended(failed)
	return result, err
}
