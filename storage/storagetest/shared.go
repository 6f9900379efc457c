package storagetest

import (
	"time"

	"github.com/passport-go/passport/storage"
)

var sharedChecks = []check{
	{"each store sees what the other has done", seesOther},
}

var sharedQueueChecks = []check{
	{"what one store enqueues the other can complete", completesOther},
	{"what one store has saved the other can enqueue", enqueuesOther},
}

var sharedListerChecks = []check{
	{"each store lists what the other has saved", listsOther},
}

var sharedCounterChecks = []check{
	{"each store counts what the other has enqueued", countsOther},
}

func seesOther(f *fixture) {
	a, b := f.on(0), f.on(1)
	r := a.save(f.record("a"))
	b.present(r)
	newer := b.save(r)
	a.present(newer)
	a.saveFails(r, storage.ErrConflict)
	a.remove(newer)
	b.absent("a")
	b.saveFails(newer, storage.ErrNotFound)

	r = b.save(f.record("b"))
	b.present(r)
	r.Subject = "another subject"
	r = a.save(r)
	b.removeMatching(storage.Match{Subject: "subject of b"})
	b.removeMatching(storage.Match{Subject: "another subject"}, r)
	a.absent("b")
}

func completesOther(f *fixture) {
	a, b := f.on(0), f.on(1)
	d := a.enqueues(f.record("a"))
	b.claims(1, lease)
	f.clock.advance(lease)
	lost := b.claims(1, lease, d)[0]
	a.claims(1, lease)
	f.clock.advance(lease)
	leased := a.claims(1, lease, d)[0]
	f.failed(b.queue().Complete(f.ctx, lost), storage.ErrConflict, "Complete by one who lost the lease")
	if err := b.queue().Retry(f.ctx, leased, f.clock.Now().Add(time.Second)); err != nil {
		f.Fatalf("Retry: %v", err)
	}
}

func enqueuesOther(f *fixture) {
	a, b := f.on(0), f.on(1)
	first, second := a.save(f.record("a")), a.save(f.record("b"))
	b.enqueued(storage.Match{Subject: first.Subject}, first)
	if _, err := b.queue().DeleteAndEnqueue(f.ctx, second.ID, lease); err != nil {
		f.Fatalf("DeleteAndEnqueue of what the other store has saved: %v", err)
	}
	a.absent("a")
	a.absent("b")
}

func listsOther(f *fixture) {
	a, b := f.on(0), f.on(1)
	r := a.owned("a", "alice", "s1")
	b.list(storage.Match{Subject: "alice"}, r)
	r.Subject = "bob"
	r = b.save(r)
	a.list(storage.Match{Subject: "alice"})
	a.list(storage.Match{Subject: "bob"}, r)
	a.remove(r)
	b.list(storage.Match{Subject: "bob"})
}

func countsOther(f *fixture) {
	a, b := f.on(0), f.on(1)
	d := a.enqueues(f.record("a"))
	b.counts("", 1, d.Since)
	if err := b.queue().Complete(f.ctx, d); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	a.counts("", 0, time.Time{})
}
