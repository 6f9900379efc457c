package storagetest

import (
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
)

var counterChecks = []check{
	{"CountRevocations counts what is leased, due and retried", countAll},
	{"CountRevocations tells how long the oldest waits", countOldest},
	{"CountRevocations counts one tenant's", countTenant},
	{"CountRevocations counts many, and changes nothing", countMany},
}

// counts checks what CountRevocations returns; the zero time is none.
func (f *fixture) counts(tenant string, pending int, oldest time.Time) {
	f.Helper()
	got, err := f.store.(storage.RevocationCounter).CountRevocations(f.ctx, tenant)
	if err != nil {
		f.Fatalf("CountRevocations(%q): %v", tenant, err)
	}
	if got.Pending != pending || got.Oldest.IsZero() != oldest.IsZero() || !oldest.IsZero() && !sameTime(got.Oldest, oldest) {
		f.Fatalf("CountRevocations(%q) returned %d since %v; want %d since %v", tenant, got.Pending, got.Oldest, pending, oldest)
	}
}

func countAll(f *fixture) {
	f.counts("", 0, time.Time{})
	f.save(f.record("a session")) // is no revocation
	f.counts("", 0, time.Time{})
	since := f.clock.Now()
	d := f.enqueues(f.record("a"))
	f.counts("", 1, since)
	f.clock.advance(2 * lease) // it is due
	f.counts("", 1, since)
	d = f.claims(1, lease, d)[0]
	if err := f.queue().Retry(f.ctx, d, f.clock.Now().Add(lifetime)); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	f.counts("", 1, since)
	d.Due = f.clock.Now().Add(lifetime)
	if err := f.queue().Complete(f.ctx, d); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	f.counts("", 0, time.Time{})
}

func countOldest(f *fixture) {
	since := f.clock.Now()
	first := f.enqueues(f.record("first"))
	f.clock.advance(time.Second)
	later := f.clock.Now()
	f.enqueues(f.record("second"))
	if err := f.queue().Retry(f.ctx, first, f.clock.Now().Add(lifetime)); err != nil { // it is due last
		f.Fatalf("Retry: %v", err)
	}
	f.counts("", 2, since)
	first.Due = f.clock.Now().Add(lifetime)
	if err := f.queue().Complete(f.ctx, first); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	f.counts("", 1, later)
}

func countTenant(f *fixture) {
	since := f.clock.Now()
	theirs := f.record("a")
	theirs.Tenant = "theirs"
	f.enqueues(theirs)
	f.clock.advance(time.Second)
	f.counts("", 0, time.Time{})
	f.counts("their", 0, time.Time{})
	f.counts("theirs", 1, since)
	f.enqueues(f.record("b"))
	f.counts("theirs", 1, since)
	f.counts("", 1, f.clock.Now())
}

func countMany(f *fixture) {
	n := 0
	since := f.clock.Now()
	for i := range upTo(600) {
		f.enqueues(f.record(fmt.Sprint(i)))
		n++
	}
	for range 2 {
		f.counts("", n, since)
	}
	f.claims(1, lease) // they are still leased
}
