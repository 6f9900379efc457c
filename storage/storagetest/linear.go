package storagetest

import (
	"math"

	"github.com/passport-go/passport/storage"
)

// version is a state of the record with one ID in a history; the zero version means that
// there is none. Every Save writes a different text, so a version identifies the call
// that wrote it.
type version struct {
	revision     uint64
	tenant       string
	kind         storage.Kind
	subject, sid string
	text         string
}

func versionOf(r storage.Record) version {
	return version{r.Revision, r.Tenant, r.Kind, r.Subject, r.SID, string(r.Data)}
}

// event is one call, as far as it concerns one ID. It took effect at some
// moment between start and end.
type event struct {
	start, end int64
	call       string

	// apply returns the version after the call, and whether the call's result is right
	// for the version before it.
	apply func(version) (version, bool)
}

// linearizable reports whether the calls can have taken effect one after another, each
// between its start and its end, so that every result was right (Herlihy and Wing,
// 1990). It searches the orders as Wing and Gong do (1993), and remembers dead ends. At
// most 64 events.
func linearizable(events []event) bool {
	type position struct {
		done uint64
		version
	}
	all := uint64(math.MaxUint64) >> (64 - len(events))
	dead := map[position]bool{}
	var try func(position) bool
	try = func(at position) bool {
		if at.done == all {
			return true
		}
		if dead[at] {
			return false
		}
		for i, e := range candidates(events, at.done) {
			next, ok := e.apply(at.version)
			if ok && try(position{at.done | 1<<i, next}) {
				return true
			}
		}
		dead[at] = true
		return false
	}
	return len(events) == 0 || try(position{})
}

// candidates returns the events that may come next: those that started before any other
// remaining event ended.
func candidates(events []event, done uint64) func(yield func(int, event) bool) {
	firstEnd := int64(math.MaxInt64)
	for i, e := range events {
		if done&(1<<i) == 0 {
			firstEnd = min(firstEnd, e.end)
		}
	}
	return func(yield func(int, event) bool) {
		for i, e := range events {
			if done&(1<<i) == 0 && e.start <= firstEnd && !yield(i, e) {
				return
			}
		}
	}
}
