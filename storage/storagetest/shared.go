package storagetest

import (
	"time"

	"github.com/passport-go/passport/storage"
)

var sharedChecks = []check{
	{"each store sees what the other has done", seesOther},
}

var sharedLedgerChecks = []check{
	{"what one store owes the other can settle", settlesOther},
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

func settlesOther(f *fixture) {
	a, b := f.on(0), f.on(1)
	d := a.owes(f.record("a"))
	b.claims(1, hold)
	f.clock.advance(hold)
	lost := b.claims(1, hold, d)[0]
	a.claims(1, hold)
	f.clock.advance(hold)
	held := a.claims(1, hold, d)[0]
	f.failed(b.ledger().Complete(f.ctx, lost), storage.ErrConflict, "Complete by one who lost the hold")
	if err := b.ledger().Retry(f.ctx, held, f.clock.Now().Add(time.Second)); err != nil {
		f.Fatalf("Retry: %v", err)
	}
}
