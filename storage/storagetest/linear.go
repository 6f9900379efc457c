package storagetest

import (
	"math"

	"github.com/passport-go/passport/storage"
)

// version is what a history says of the record under one ID: the zero version
// that there is none. Every Save carries a text of its own, so a version stands
// for the call that wrote it.
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

	// apply says what the call makes of the version it finds, and whether its
	// answer is right for that version.
	apply func(version) (version, bool)
}

// linearizable reports whether the calls can have taken effect one after the
// other, each between its start and its end, so that every answer was right
// (Herlihy and Wing, 1990). It tries the orders there are, in the way of Wing
// and Gong (1993), and remembers what led nowhere. At most 64 events.
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

// candidates are the events that may come next: those that started before any
// other that is left had ended.
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
