package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport/storage"
)

var ledgerChecks = []check{
	{"DeleteAndEnqueue turns a record into a debt", deleteOwing},
	{"DeleteAndEnqueue of what is not there owes nothing", deleteOwingAbsent},
	{"DeleteMatchingAndEnqueue turns what it selects into debts", deleteMatchingOwing},
	{"Enqueue enters a record that was never stored", owe},
	{"Enqueue of what is owed already is a conflict", oweTwice},
	{"Enqueue copies what it is handed", oweKeepsNoAlias},
	{"a debt is held until its Due", heldUntilDue},
	{"Claim hands out the oldest Due first", claimOrder},
	{"Retry hands a debt back", postpone},
	{"a postponed debt can come due at once", postponeToNow},
	{"Complete ends a debt", settle},
	{"a lost hold changes nothing", fencing},
	{"a debt outlives its record's expiry", debtOutlives},
	{"debts and records do not mix", debtsApart},
	{"debts of any size and content", anyDebt},
	{"the bytes of a debt do not change", debtsStable},
	{"a context cancelled meanwhile loses no debt", cancelledOwing},
	{"DeleteMatchingAndEnqueue and Claim take many", owingMany},
}

const hold = time.Minute

func (f *fixture) ledger() storage.RevocationQueue { return f.store.(storage.RevocationQueue) }

// owes enters r as a debt, held from now on.
func (f *fixture) owes(r storage.Record) storage.Revocation {
	f.Helper()
	d, err := f.ledger().Enqueue(f.ctx, r, hold)
	if err != nil {
		f.Fatalf("Enqueue(%s): %v", show(r), err)
	}
	f.sameDebt(d, f.fresh(r), "Enqueue")
	return d
}

// fresh is the debt that r becomes if it is entered now.
func (f *fixture) fresh(r storage.Record) storage.Revocation {
	return storage.Revocation{Record: r, Since: f.clock.Now(), Due: f.clock.Now().Add(hold)}
}

// claims checks that Claim hands out just these debts, as they are but for the
// new Due, and returns what it handed out.
func (f *fixture) claims(n int, hold time.Duration, want ...storage.Revocation) []storage.Revocation {
	f.Helper()
	got, err := f.ledger().Claim(f.ctx, n, hold)
	if err != nil {
		f.Fatalf("Claim: %v", err)
	}
	for i := range want {
		want[i].Due = f.clock.Now().Add(hold)
	}
	f.sameDebts(got, want, "Claim")
	return got
}

func (f *fixture) sameDebt(got, want storage.Revocation, doing string) {
	f.Helper()
	f.sameDebts([]storage.Revocation{got}, []storage.Revocation{want}, doing)
}

func (f *fixture) sameDebts(got, want []storage.Revocation, doing string) {
	f.Helper()
	if !equalDebts(got, want) {
		f.Fatalf("%s returned %s; want %s", doing, showDebts(got), showDebts(want))
	}
}

func equalDebts(a, b []storage.Revocation) bool {
	if len(a) != len(b) {
		return false
	}
	byID := map[string]storage.Revocation{}
	for _, d := range a {
		byID[d.Record.ID] = d
	}
	for _, d := range b {
		other, ok := byID[d.Record.ID]
		if !ok || !equal(other.Record, d.Record) || other.Attempts != d.Attempts ||
			!sameTime(other.Since, d.Since) || !sameTime(other.Due, d.Due) {
			return false
		}
	}
	return len(byID) == len(b)
}

func showDebts(debts []storage.Revocation) string {
	shown := make([]string, 0, len(debts))
	for _, d := range debts {
		shown = append(shown, fmt.Sprintf("{%s Since:%s Attempts:%d Due:%s}", show(d.Record),
			d.Since.UTC().Format(time.RFC3339Nano), d.Attempts, d.Due.UTC().Format(time.RFC3339Nano)))
	}
	return "[" + strings.Join(shown, " ") + "]"
}

func deleteOwing(f *fixture) {
	r := f.save(f.save(f.record("a")))
	d, err := f.ledger().DeleteAndEnqueue(f.ctx, "a", hold)
	if err != nil {
		f.Fatalf("DeleteAndEnqueue: %v", err)
	}
	f.sameDebt(d, f.fresh(r), "DeleteAndEnqueue")
	f.absent("a")
	f.removeMatching(storage.Match{Subject: r.Subject})
	f.removeMatching(storage.Match{SID: r.SID})
	f.saveFails(r, storage.ErrNotFound)

	f.claims(10, hold) // it is held
	f.clock.advance(hold)
	f.claims(10, hold, d)
}

func deleteOwingAbsent(f *fixture) {
	f.save(f.record("expired"))
	f.remove(f.save(f.record("deleted")))
	f.clock.advance(lifetime)
	for _, id := range []string{"never", "deleted", "expired", ""} {
		_, err := f.ledger().DeleteAndEnqueue(f.ctx, id, hold)
		f.failed(err, storage.ErrNotFound, fmt.Sprintf("DeleteAndEnqueue(%q)", id))
	}
	f.owed(storage.Match{Subject: "subject of expired"})
	f.clock.advance(hold)
	f.claims(10, hold)
}

// owed checks that DeleteMatchingAndEnqueue returns just those records, as debts.
func (f *fixture) owed(m storage.Match, want ...storage.Record) {
	f.Helper()
	got, err := f.ledger().DeleteMatchingAndEnqueue(f.ctx, m, hold)
	if err != nil {
		f.Fatalf("DeleteMatchingAndEnqueue(%+v): %v", m, err)
	}
	debts := make([]storage.Revocation, len(want))
	for i, r := range want {
		debts[i] = f.fresh(r)
	}
	f.sameDebts(got, debts, fmt.Sprintf("DeleteMatchingAndEnqueue(%+v)", m))
}

func deleteMatchingOwing(f *fixture) {
	a := f.owned("a", "alice", "s1")
	b := f.owned("b", "alice", "s2")
	c := f.owned("c", "bob", "s1")
	d := f.owned("d", "alice", "s1")
	f.owed(storage.Match{Subject: "carol"})
	f.owed(storage.Match{Subject: "alice", SID: "s1", Except: "a"}, d)
	f.owed(storage.Match{SID: "s2"}, b)
	f.owed(storage.Match{Subject: "alice"}, a)
	f.present(c)
	_, err := f.ledger().DeleteMatchingAndEnqueue(f.ctx, storage.Match{Except: "c"}, hold)
	f.failed(err, storage.ErrEmptyMatch, "DeleteMatchingAndEnqueue of an empty match")
	f.present(c)
	f.clock.advance(hold)
	f.claims(10, hold, storage.Revocation{Record: a, Since: d.Expiry.Add(-lifetime)},
		storage.Revocation{Record: b, Since: d.Expiry.Add(-lifetime)}, storage.Revocation{Record: d, Since: d.Expiry.Add(-lifetime)})
}

func owe(f *fixture) {
	r := f.record("a")
	d := f.owes(r)
	f.absent("a")
	f.removeMatching(storage.Match{Subject: r.Subject})
	f.clock.advance(hold)
	f.claims(10, hold, d)

	bare := f.owes(storage.Record{ID: "bare"}) // without even an expiry
	f.clock.advance(hold)
	f.claims(10, hold, d, bare)

	if _, err := f.ledger().Enqueue(f.ctx, f.record(""), hold); err == nil {
		f.Errorf("Enqueue accepts a record without an ID")
	}
}

func oweTwice(f *fixture) {
	d := f.owes(f.record("a"))
	again := f.record("a")
	again.Data = []byte("of the loser")
	for range 2 { // while it is held, and when it is due
		_, err := f.ledger().Enqueue(f.ctx, again, hold)
		f.failed(err, storage.ErrConflict, "second Enqueue")
		f.clock.advance(hold)
	}
	f.claims(10, hold, d)
}

func oweKeepsNoAlias(f *fixture) {
	r := f.record("a")
	handed := r
	handed.Data = []byte(string(r.Data))
	want := f.fresh(r)
	if _, err := f.ledger().Enqueue(f.ctx, handed, hold); err != nil {
		f.Fatalf("Enqueue: %v", err)
	}
	clear(handed.Data)
	f.clock.advance(hold)
	f.claims(1, hold, want)
}

func heldUntilDue(f *fixture) {
	d := f.owes(f.record("a"))
	f.clock.advance(hold - time.Millisecond)
	f.claims(1, hold)
	f.clock.advance(time.Millisecond)
	f.claims(1, 2*hold, d)
	f.claims(1, hold)
	f.clock.advance(2*hold - time.Millisecond)
	f.claims(1, hold)
	f.clock.advance(time.Millisecond)
	f.claims(0, hold)
	f.claims(1, hold, d)
}

func claimOrder(f *fixture) {
	var debts []storage.Revocation
	for _, id := range []string{"c", "a", "d", "b", "e"} {
		debts = append(debts, f.owes(f.record(id)))
		f.clock.advance(time.Second)
	}
	f.clock.advance(hold - 2*time.Second) // all but e are due
	if err := f.ledger().Retry(f.ctx, debts[0], debts[2].Due.Add(time.Millisecond)); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	debts[0].Attempts = 1 // and comes after d now
	f.claims(1, time.Hour, debts[1])
	two := f.claims(2, time.Hour, debts[2], debts[0])
	if two[0].Record.ID != debts[2].Record.ID {
		f.Errorf("Claim returned %s; want the oldest Due first", showDebts(two))
	}
	f.claims(3, time.Hour, debts[3])
	f.claims(3, time.Hour)
	f.clock.advance(time.Second)
	f.claims(3, time.Hour, debts[4])
}

func postpone(f *fixture) {
	d := f.owes(f.record("a"))
	for attempt := 1; attempt <= 5; attempt++ {
		due := f.clock.Now().Add(time.Duration(attempt) * time.Hour)
		proof := storage.Revocation{Record: storage.Record{ID: "a"}, Due: d.Due} // no more is needed
		if err := f.ledger().Retry(f.ctx, proof, due); err != nil {
			f.Fatalf("Retry: %v", err)
		}
		d.Attempts = attempt
		f.clock.advance(due.Sub(f.clock.Now()) - time.Millisecond)
		f.claims(1, hold)
		f.clock.advance(time.Millisecond)
		d = f.claims(1, hold, d)[0]
	}
}

func postponeToNow(f *fixture) {
	d := f.owes(f.record("a"))
	if err := f.ledger().Retry(f.ctx, d, f.clock.Now()); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	d.Attempts = 1
	f.claims(1, hold, d)
}

// settle needs no more of a debt than its ID and Due.
func settle(f *fixture) {
	a := f.owes(f.record("a"))
	b := f.owes(f.record("b"))
	if err := f.ledger().Complete(f.ctx, storage.Revocation{Record: storage.Record{ID: "a"}, Due: a.Due}); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	f.failed(f.ledger().Complete(f.ctx, a), storage.ErrNotFound, "second Complete")
	f.failed(f.ledger().Retry(f.ctx, a, f.clock.Now()), storage.ErrNotFound, "Retry of a settled debt")
	f.clock.advance(hold)
	f.claims(10, hold, b)
	f.owes(f.record("a")) // there is no trace of the first
}

func fencing(f *fixture) {
	lost := f.owes(f.record("a"))
	f.clock.advance(hold)
	held := f.claims(1, hold, lost)[0]
	f.failed(f.ledger().Complete(f.ctx, lost), storage.ErrConflict, "Complete by one who lost the hold")
	f.failed(f.ledger().Retry(f.ctx, lost, f.clock.Now()), storage.ErrConflict, "Retry by one who lost the hold")
	f.claims(1, hold)

	// Its time is up, but nobody else has claimed it.
	f.clock.advance(hold)
	if err := f.ledger().Retry(f.ctx, held, f.clock.Now().Add(hold)); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	f.failed(f.ledger().Complete(f.ctx, held), storage.ErrConflict, "Complete after Retry")
	f.failed(f.ledger().Retry(f.ctx, held, f.clock.Now()), storage.ErrConflict, "second Retry")
	held.Attempts = 1
	f.claims(1, hold)
	f.clock.advance(hold)
	held = f.claims(1, hold, held)[0]
	if err := f.ledger().Complete(f.ctx, held); err != nil {
		f.Fatalf("Complete: %v", err)
	}
}

func debtOutlives(f *fixture) {
	r := f.save(f.record("a"))
	since := f.clock.Now()
	f.owed(storage.Match{SID: r.SID}, r)
	f.clock.advance(1000 * lifetime)
	f.save(f.record("something else to do"))
	f.claims(1, hold, storage.Revocation{Record: r, Since: since})
}

func debtsApart(f *fixture) {
	r := f.save(f.record("a"))
	d := f.owes(f.record("a")) // the same ID, as another instance may have left it
	f.present(r)
	f.removeMatching(storage.Match{Subject: "of nobody"})
	f.remove(r)
	if err := f.ledger().Complete(f.ctx, d); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	f.clock.advance(hold)
	f.claims(1, hold)
}

func anyDebt(f *fixture) {
	var owed []storage.Revocation
	for i, text := range oddTexts {
		r := f.record(text)
		r.Subject, r.SID, r.Data = text, text, sequence(i*i)
		if i == len(oddTexts)-1 {
			r.Data = sequence(256 << 10)
		}
		if i%2 == 0 {
			owed = append(owed, f.owes(r))
			continue
		}
		d, err := f.ledger().DeleteAndEnqueue(f.ctx, f.save(r).ID, hold)
		if err != nil {
			f.Fatalf("DeleteAndEnqueue(%q): %v", text, err)
		}
		owed = append(owed, d)
	}
	f.clock.advance(hold)
	for _, d := range f.claims(len(owed), hold, owed...) {
		if err := f.ledger().Complete(f.ctx, d); err != nil {
			f.Errorf("Complete(%q): %v", d.Record.ID, err)
		}
	}
	if _, err := f.ledger().DeleteAndEnqueue(f.ctx, "a", hold); !errors.Is(err, storage.ErrNotFound) {
		f.Errorf("DeleteAndEnqueue of a settled debt's record: %v", err)
	}
}

// debtsStable holds on to bytes from every method while the ledger is busy with
// other debts of the same size.
func debtsStable(f *fixture) {
	var handed []storage.Revocation
	for _, letter := range []string{"a", "b", "c"} {
		r := f.record("deleted " + letter)
		r.Data = letters(letter)
		d, err := f.ledger().DeleteAndEnqueue(f.ctx, f.save(r).ID, hold)
		if err != nil {
			f.Fatalf("DeleteAndEnqueue: %v", err)
		}
		r.ID = "matched " + letter
		matched, err := f.ledger().DeleteMatchingAndEnqueue(f.ctx, storage.Match{SID: f.save(r).SID}, hold)
		if err != nil || len(matched) != 1 {
			f.Fatalf("DeleteMatchingAndEnqueue: %d debts, %v", len(matched), err)
		}
		r.ID = "owed " + letter
		handed = append(handed, d, matched[0], f.owes(r))
	}
	f.clock.advance(hold)
	for range handed {
		claimed, err := f.ledger().Claim(f.ctx, 1, hold)
		if err != nil || len(claimed) != 1 {
			f.Fatalf("Claim: %d debts, %v", len(claimed), err)
		}
		handed = append(handed, claimed[0])
		if err := f.ledger().Complete(f.ctx, claimed[0]); err != nil {
			f.Fatalf("Complete: %v", err)
		}
	}
	for i := range 50 {
		busy := f.record(fmt.Sprint("busy ", i))
		busy.Data = letters("z")
		f.owes(busy)
	}
	for _, d := range handed {
		if want := letters(d.Record.ID[len(d.Record.ID)-1:]); !bytes.Equal(d.Record.Data, want) {
			f.Errorf("the bytes of the debt %q have changed to %s", d.Record.ID, brief(string(d.Record.Data)))
		}
	}
}

// owingMany takes more records, and then debts, than any reasonable batch.
func owingMany(f *fixture) {
	alices, bobs := f.many(600)
	f.owed(storage.Match{Subject: "alice"}, alices...)
	f.owed(storage.Match{SID: "s1"}, bobs...)
	all := make([]storage.Revocation, 0, len(alices)+len(bobs))
	for _, r := range slices.Concat(alices, bobs) {
		all = append(all, f.fresh(r))
	}
	f.clock.advance(hold)
	f.claims(len(all)+1, hold, all...)
}

// cancelledOwing lets the cancellation race with a removal. Afterwards there is
// either the record or the debt, which a Delete then tells, as nothing that is
// still under way can come in between.
func cancelledOwing(f *fixture) {
	for i := range rounds(100) {
		r := f.save(f.record(fmt.Sprint("record ", i)))
		ctx, cancel := context.WithCancel(f.ctx)
		timer := time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		var err error
		if i%2 == 0 {
			_, err = f.ledger().DeleteAndEnqueue(ctx, r.ID, hold)
		} else {
			_, err = f.ledger().DeleteMatchingAndEnqueue(ctx, storage.Match{SID: r.SID}, hold)
		}
		timer.Stop()
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			f.Fatalf("a removal whose context is cancelled meanwhile: %v; want nil or context.Canceled", err)
		}
		if _, err := f.store.Delete(f.ctx, r.ID); err == nil {
			continue
		}
		if _, err := f.ledger().Enqueue(f.ctx, r, hold); !errors.Is(err, storage.ErrConflict) {
			f.Fatalf("neither the record nor the debt is there after a removal that was cancelled: Enqueue: %v; want %q", err, storage.ErrConflict)
		}
	}
}
