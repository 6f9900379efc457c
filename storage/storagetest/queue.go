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

var queueChecks = []check{
	{"DeleteAndEnqueue turns a record into a revocation", deleteAndEnqueue},
	{"DeleteAndEnqueue of a missing record enqueues nothing", deleteAndEnqueueAbsent},
	{"DeleteMatchingAndEnqueue turns what it selects into revocations", deleteMatchingAndEnqueue},
	{"Enqueue takes a record that was never stored", enqueue},
	{"a second Enqueue is a conflict", enqueueTwice},
	{"Enqueue keeps no alias", enqueueKeepsNoAlias},
	{"a revocation is leased until its Due", leasedUntilDue},
	{"Claim returns the oldest Due first", claimOrder},
	{"Retry makes a revocation due again", retry},
	{"a retried revocation can come due at once", retryAtOnce},
	{"Complete ends a revocation", complete},
	{"a lease that ends between two milliseconds", fractionalLease},
	{"a lost lease changes nothing", fencing},
	{"a revocation outlives its record's expiry", revocationOutlives},
	{"revocations and records do not mix", revocationsApart},
	{"revocations of any size and content", anyRevocation},
	{"the bytes of a revocation do not change", revocationsStable},
	{"the revocations handed out do not change", handedOutStable},
	{"a context cancelled meanwhile loses no revocation", cancelledRemoval},
	{"a context cancelled between two steps loses no revocation", cancelledBetween},
	{"DeleteMatchingAndEnqueue and Claim take many", enqueueMany},
}

const lease = time.Minute

func (f *fixture) queue() storage.RevocationQueue { return f.store.(storage.RevocationQueue) }

// enqueues adds r to the queue, with a lease.
func (f *fixture) enqueues(r storage.Record) storage.Revocation {
	f.Helper()
	d, err := f.queue().Enqueue(f.ctx, r, lease)
	if err != nil {
		f.Fatalf("Enqueue(%s): %v", show(r), err)
	}
	f.sameRevocation(d, f.fresh(r), "Enqueue")
	return d
}

// fresh returns the revocation that r becomes if it is enqueued now.
func (f *fixture) fresh(r storage.Record) storage.Revocation {
	return storage.Revocation{Record: r, Since: f.clock.Now(), Due: f.clock.Now().Add(lease)}
}

// claims checks that Claim returns exactly these revocations, with a new Due, and
// returns them.
func (f *fixture) claims(n int, lease time.Duration, want ...storage.Revocation) []storage.Revocation {
	f.Helper()
	return f.claimsOf("", n, lease, want...)
}

// claimsOf is claims for a tenant with a name.
func (f *fixture) claimsOf(tenant string, n int, lease time.Duration, want ...storage.Revocation) []storage.Revocation {
	f.Helper()
	got, err := f.queue().Claim(f.ctx, tenant, n, lease)
	if err != nil {
		f.Fatalf("Claim: %v", err)
	}
	for i := range want {
		want[i].Due = f.clock.Now().Add(lease)
	}
	f.sameRevocations(got, want, "Claim")
	return got
}

func (f *fixture) sameRevocation(got, want storage.Revocation, doing string) {
	f.Helper()
	f.sameRevocations([]storage.Revocation{got}, []storage.Revocation{want}, doing)
}

func (f *fixture) sameRevocations(got, want []storage.Revocation, doing string) {
	f.Helper()
	if !equalRevocations(got, want) {
		f.Fatalf("%s returned %s; want %s", doing, showRevocations(got), showRevocations(want))
	}
}

func equalRevocations(a, b []storage.Revocation) bool {
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

func showRevocations(revocations []storage.Revocation) string {
	shown := make([]string, 0, len(revocations))
	for _, d := range revocations {
		shown = append(shown, fmt.Sprintf("{%s Since:%s Attempts:%d Due:%s}", show(d.Record),
			d.Since.UTC().Format(time.RFC3339Nano), d.Attempts, d.Due.UTC().Format(time.RFC3339Nano)))
	}
	return "[" + strings.Join(shown, " ") + "]"
}

func deleteAndEnqueue(f *fixture) {
	r := f.save(f.save(f.record("a")))
	d, err := f.queue().DeleteAndEnqueue(f.ctx, "a", lease)
	if err != nil {
		f.Fatalf("DeleteAndEnqueue: %v", err)
	}
	f.sameRevocation(d, f.fresh(r), "DeleteAndEnqueue")
	f.absent("a")
	f.removeMatching(storage.Match{Subject: r.Subject})
	f.removeMatching(storage.Match{SID: r.SID})
	f.saveFails(r, storage.ErrNotFound)

	f.claims(10, lease) // it is leased
	f.clock.advance(lease)
	f.claims(10, lease, d)
}

func deleteAndEnqueueAbsent(f *fixture) {
	f.save(f.record("expired"))
	f.remove(f.save(f.record("deleted")))
	f.clock.advance(lifetime)
	for _, id := range []string{"never", "deleted", "expired", ""} {
		_, err := f.queue().DeleteAndEnqueue(f.ctx, id, lease)
		f.failed(err, storage.ErrNotFound, fmt.Sprintf("DeleteAndEnqueue(%q)", id))
	}
	f.enqueued(storage.Match{Subject: "subject of expired"})
	f.clock.advance(lease)
	f.claims(10, lease)
}

// enqueued checks that DeleteMatchingAndEnqueue returns exactly those records, as
// revocations.
func (f *fixture) enqueued(m storage.Match, want ...storage.Record) {
	f.Helper()
	got, err := f.queue().DeleteMatchingAndEnqueue(f.ctx, m, lease)
	if err != nil {
		f.Fatalf("DeleteMatchingAndEnqueue(%+v): %v", m, err)
	}
	revocations := make([]storage.Revocation, len(want))
	for i, r := range want {
		revocations[i] = f.fresh(r)
	}
	f.sameRevocations(got, revocations, fmt.Sprintf("DeleteMatchingAndEnqueue(%+v)", m))
}

func deleteMatchingAndEnqueue(f *fixture) {
	a := f.owned("a", "alice", "s1")
	b := f.owned("b", "alice", "s2")
	c := f.owned("c", "bob", "s1")
	d := f.owned("d", "alice", "s1")
	f.enqueued(storage.Match{Subject: "carol"})
	f.enqueued(storage.Match{Subject: "alice", SID: "s1", Except: "a"}, d)
	f.enqueued(storage.Match{SID: "s2"}, b)
	f.enqueued(storage.Match{Subject: "alice"}, a)
	f.present(c)
	_, err := f.queue().DeleteMatchingAndEnqueue(f.ctx, storage.Match{Except: "c"}, lease)
	f.failed(err, storage.ErrEmptyMatch, "DeleteMatchingAndEnqueue of an empty match")
	f.present(c)
	f.clock.advance(lease)
	f.claims(10, lease, storage.Revocation{Record: a, Since: d.Expiry.Add(-lifetime)},
		storage.Revocation{Record: b, Since: d.Expiry.Add(-lifetime)}, storage.Revocation{Record: d, Since: d.Expiry.Add(-lifetime)})
}

func enqueue(f *fixture) {
	r := f.record("a")
	d := f.enqueues(r)
	f.absent("a")
	f.removeMatching(storage.Match{Subject: r.Subject})
	f.clock.advance(lease)
	f.claims(10, lease, d)

	bare := f.enqueues(storage.Record{ID: "bare"}) // without even an expiry
	f.clock.advance(lease)
	f.claims(10, lease, d, bare)

	if _, err := f.queue().Enqueue(f.ctx, f.record(""), lease); err == nil {
		f.Errorf("Enqueue accepts a record without an ID")
	}
}

func enqueueTwice(f *fixture) {
	d := f.enqueues(f.record("a"))
	again := f.record("a")
	again.Data = []byte("of the loser")
	for range 2 { // while it is leased, and when it is due
		_, err := f.queue().Enqueue(f.ctx, again, lease)
		f.failed(err, storage.ErrConflict, "second Enqueue")
		f.clock.advance(lease)
	}
	f.claims(10, lease, d)
}

func enqueueKeepsNoAlias(f *fixture) {
	r := f.record("a")
	handed := r
	handed.Data = []byte(string(r.Data))
	want := f.fresh(r)
	if _, err := f.queue().Enqueue(f.ctx, handed, lease); err != nil {
		f.Fatalf("Enqueue: %v", err)
	}
	clear(handed.Data)
	f.clock.advance(lease)
	f.claims(1, lease, want)
}

func leasedUntilDue(f *fixture) {
	d := f.enqueues(f.record("a"))
	f.clock.advance(lease - time.Millisecond)
	f.claims(1, lease)
	f.clock.advance(time.Millisecond)
	f.claims(1, 2*lease, d)
	f.claims(1, lease)
	f.clock.advance(2*lease - time.Millisecond)
	f.claims(1, lease)
	f.clock.advance(time.Millisecond)
	f.claims(0, lease)
	f.claims(1, lease, d)
}

func claimOrder(f *fixture) {
	var revocations []storage.Revocation
	for _, id := range []string{"c", "a", "d", "b", "e"} {
		revocations = append(revocations, f.enqueues(f.record(id)))
		f.clock.advance(time.Second)
	}
	f.clock.advance(lease - 2*time.Second) // all but e are due
	if err := f.queue().Retry(f.ctx, revocations[0], revocations[2].Due.Add(time.Millisecond)); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	revocations[0].Attempts = 1 // and comes after d now
	f.claims(1, time.Hour, revocations[1])
	two := f.claims(2, time.Hour, revocations[2], revocations[0])
	if two[0].Record.ID != revocations[2].Record.ID {
		f.Errorf("Claim returned %s; want the oldest Due first", showRevocations(two))
	}
	f.claims(3, time.Hour, revocations[3])
	f.claims(3, time.Hour)
	f.clock.advance(time.Second)
	f.claims(3, time.Hour, revocations[4])
}

func retry(f *fixture) {
	d := f.enqueues(f.record("a"))
	for attempt := 1; attempt <= 5; attempt++ {
		due := f.clock.Now().Add(time.Duration(attempt) * time.Hour)
		proof := storage.Revocation{Record: storage.Record{ID: "a"}, Due: d.Due} // no more is needed
		if err := f.queue().Retry(f.ctx, proof, due); err != nil {
			f.Fatalf("Retry: %v", err)
		}
		d.Attempts = attempt
		f.clock.advance(due.Sub(f.clock.Now()) - time.Millisecond)
		f.claims(1, lease)
		f.clock.advance(time.Millisecond)
		d = f.claims(1, lease, d)[0]
	}
}

func retryAtOnce(f *fixture) {
	d := f.enqueues(f.record("a"))
	if err := f.queue().Retry(f.ctx, d, f.clock.Now()); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	d.Attempts = 1
	f.claims(1, lease, d)
}

// complete needs no more of a revocation than its ID and Due.
func complete(f *fixture) {
	a := f.enqueues(f.record("a"))
	b := f.enqueues(f.record("b"))
	if err := f.queue().Complete(f.ctx, storage.Revocation{Record: storage.Record{ID: "a"}, Due: a.Due}); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	f.failed(f.queue().Complete(f.ctx, a), storage.ErrNotFound, "second Complete")
	f.failed(f.queue().Retry(f.ctx, a, f.clock.Now()), storage.ErrNotFound, "Retry of a completed revocation")
	f.clock.advance(lease)
	f.claims(10, lease, b)
	f.enqueues(f.record("a")) // there is no trace of the first
}

// fractionalLease completes and retries what a store may keep with a less exact Due than
// it computes. The Due that it hands out must be the proof all the same.
func fractionalLease(f *fixture) {
	f.clock.advance(456_789 * time.Nanosecond)
	lease := lease + 333_333*time.Nanosecond
	stored, matched := f.save(f.record("stored")), f.save(f.record("matched"))
	enqueued, err := f.queue().Enqueue(f.ctx, f.record("enqueued"), lease)
	if err != nil {
		f.Fatalf("Enqueue: %v", err)
	}
	deleted, err := f.queue().DeleteAndEnqueue(f.ctx, stored.ID, lease)
	if err != nil {
		f.Fatalf("DeleteAndEnqueue: %v", err)
	}
	removed, err := f.queue().DeleteMatchingAndEnqueue(f.ctx, storage.Match{SID: matched.SID}, lease)
	if err != nil || len(removed) != 1 {
		f.Fatalf("DeleteMatchingAndEnqueue: %d revocations, %v", len(removed), err)
	}
	due := f.clock.Now().Add(lease)
	for _, d := range []storage.Revocation{enqueued, deleted, removed[0]} {
		f.near(d.Due, due, "the Due of "+d.Record.ID)
		if err := f.queue().Retry(f.ctx, d, due); err != nil {
			f.Fatalf("Retry with the Due that %q was enqueued with: %v", d.Record.ID, err)
		}
	}
	f.clock.advance(lease + time.Millisecond)
	claimed, err := f.queue().Claim(f.ctx, "", 10, lease)
	if err != nil || len(claimed) != 3 {
		f.Fatalf("Claim: %d revocations, %v; want 3", len(claimed), err)
	}
	for _, d := range claimed {
		if err := f.queue().Complete(f.ctx, d); err != nil {
			f.Fatalf("Complete with the Due that Claim returned: %v", err)
		}
	}
}

func fencing(f *fixture) {
	lost := f.enqueues(f.record("a"))
	f.clock.advance(lease)
	leased := f.claims(1, lease, lost)[0]
	f.failed(f.queue().Complete(f.ctx, lost), storage.ErrConflict, "Complete by one who lost the lease")
	f.failed(f.queue().Retry(f.ctx, lost, f.clock.Now()), storage.ErrConflict, "Retry by one who lost the lease")
	f.claims(1, lease)

	// The lease has ended, but nobody else has claimed it.
	f.clock.advance(lease)
	if err := f.queue().Retry(f.ctx, leased, f.clock.Now().Add(lease)); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	f.failed(f.queue().Complete(f.ctx, leased), storage.ErrConflict, "Complete after Retry")
	f.failed(f.queue().Retry(f.ctx, leased, f.clock.Now()), storage.ErrConflict, "second Retry")
	leased.Attempts = 1
	f.claims(1, lease)
	f.clock.advance(lease)
	leased = f.claims(1, lease, leased)[0]
	if err := f.queue().Complete(f.ctx, leased); err != nil {
		f.Fatalf("Complete: %v", err)
	}
}

func revocationOutlives(f *fixture) {
	r := f.save(f.record("a"))
	since := f.clock.Now()
	f.enqueued(storage.Match{SID: r.SID}, r)
	f.clock.advance(1000 * lifetime)
	f.save(f.record("something else to do"))
	f.claims(1, lease, storage.Revocation{Record: r, Since: since})
}

func revocationsApart(f *fixture) {
	r := f.save(f.record("a"))
	d := f.enqueues(f.record("a")) // the same ID, as another instance may have left it
	f.present(r)
	f.removeMatching(storage.Match{Subject: "of nobody"})
	f.remove(r)
	if err := f.queue().Complete(f.ctx, d); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	f.clock.advance(lease)
	f.claims(1, lease)
}

func anyRevocation(f *fixture) {
	var enqueued []storage.Revocation
	for i, text := range oddTexts {
		r := f.record(text)
		r.Subject, r.SID, r.Data = text, text, sequence(i*i)
		if i%2 == 0 {
			enqueued = append(enqueued, f.enqueues(r))
			continue
		}
		d, err := f.queue().DeleteAndEnqueue(f.ctx, f.save(r).ID, lease)
		if err != nil {
			f.Fatalf("DeleteAndEnqueue(%q): %v", text, err)
		}
		enqueued = append(enqueued, d)
	}
	f.completes(enqueued)
	large := f.record("large")
	large.Data = sequence(256 << 10)
	f.completes([]storage.Revocation{f.enqueues(large)})
	if _, err := f.queue().DeleteAndEnqueue(f.ctx, "a", lease); !errors.Is(err, storage.ErrNotFound) {
		f.Errorf("DeleteAndEnqueue of a completed revocation's record: %v", err)
	}
}

// revocationsStable checks that bytes that a method has returned do not change while the
// queue works on other revocations of the same size.
func revocationsStable(f *fixture) {
	var handed []storage.Revocation
	for _, letter := range []string{"a", "b", "c"} {
		r := f.record("deleted " + letter)
		r.Data = letters(letter)
		d, err := f.queue().DeleteAndEnqueue(f.ctx, f.save(r).ID, lease)
		if err != nil {
			f.Fatalf("DeleteAndEnqueue: %v", err)
		}
		r.ID = "matched " + letter
		matched, err := f.queue().DeleteMatchingAndEnqueue(f.ctx, storage.Match{SID: f.save(r).SID}, lease)
		if err != nil || len(matched) != 1 {
			f.Fatalf("DeleteMatchingAndEnqueue: %d revocations, %v", len(matched), err)
		}
		r.ID = "enqueued " + letter
		handed = append(handed, d, matched[0], f.enqueues(r))
	}
	f.clock.advance(lease)
	for range handed {
		claimed, err := f.queue().Claim(f.ctx, "", 1, lease)
		if err != nil || len(claimed) != 1 {
			f.Fatalf("Claim: %d revocations, %v", len(claimed), err)
		}
		handed = append(handed, claimed[0])
		if err := f.queue().Complete(f.ctx, claimed[0]); err != nil {
			f.Fatalf("Complete: %v", err)
		}
	}
	for i := range 50 {
		busy := f.record(fmt.Sprint("busy ", i))
		busy.Data = letters("z")
		f.enqueues(busy)
	}
	for _, d := range handed {
		if want := letters(d.Record.ID[len(d.Record.ID)-1:]); !bytes.Equal(d.Record.Data, want) {
			f.Errorf("the bytes of the revocation %q have changed to %s", d.Record.ID, brief(string(d.Record.Data)))
		}
	}
}

// handedOutStable checks that what a method has returned does not change when it is called
// again.
func handedOutStable(f *fixture) {
	first, second := f.owned("a", "alice", "s1"), f.owned("b", "bob", "s2")
	enqueued, err := f.queue().DeleteMatchingAndEnqueue(f.ctx, storage.Match{Subject: "alice"}, lease)
	if err != nil {
		f.Fatalf("DeleteMatchingAndEnqueue: %v", err)
	}
	want := f.fresh(first)
	f.enqueued(storage.Match{Subject: "bob"}, second)
	f.sameRevocations(enqueued, []storage.Revocation{want}, "DeleteMatchingAndEnqueue, after another call,")

	f.clock.advance(lease)
	claimed, err := f.queue().Claim(f.ctx, "", 1, lease)
	if err != nil || len(claimed) != 1 {
		f.Fatalf("Claim: %d revocations, %v", len(claimed), err)
	}
	was := slices.Clone(claimed)
	if _, err := f.queue().Claim(f.ctx, "", 1, lease); err != nil {
		f.Fatalf("Claim: %v", err)
	}
	f.sameRevocations(claimed, was, "Claim, after another call,")
}

// enqueueMany uses more records, and then revocations, than any reasonable batch.
func enqueueMany(f *fixture) {
	alices, bobs := f.many(600)
	f.enqueued(storage.Match{Subject: "alice"}, alices...)
	f.enqueued(storage.Match{SID: "s1"}, bobs...)
	all := make([]storage.Revocation, 0, len(alices)+len(bobs))
	for _, r := range slices.Concat(alices, bobs) {
		all = append(all, f.fresh(r))
	}
	f.clock.advance(lease)
	f.claims(len(all)+1, lease, all...)
}

// cancelledRemoval cancels a removal while it runs. Afterwards there must be either the
// record or the revocation. A Delete tells which, since nothing that is still running
// can take effect after it.
func cancelledRemoval(f *fixture) {
	for i := range upTo(100) {
		r := f.save(f.record(fmt.Sprint("record ", i)))
		ctx, cancel := context.WithCancel(f.ctx)
		timer := time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		f.removesWhole(ctx, r, i%2 == 0)
		timer.Stop()
		cancel()
	}
}

// cancelledBetween is for stores that take two steps: it cancels the removal when the
// store looks at its context for the first time, for the second, and so on.
func cancelledBetween(f *fixture) {
	for look := range 8 {
		for _, matching := range []bool{false, true} {
			r := f.save(f.record(fmt.Sprint("record ", look, matching)))
			ctx := cancelAtLook(f.ctx, look)
			f.removesWhole(ctx, r, matching)
			ctx.cancel()
		}
	}
}

// removesWhole removes r with a context that is cancelled meanwhile.
func (f *fixture) removesWhole(ctx context.Context, r storage.Record, matching bool) {
	f.Helper()
	var err error
	if matching {
		_, err = f.queue().DeleteMatchingAndEnqueue(ctx, storage.Match{SID: r.SID}, lease)
	} else {
		_, err = f.queue().DeleteAndEnqueue(ctx, r.ID, lease)
	}
	if !mayAnswerACancelled(err) {
		f.Fatalf("a removal whose context is cancelled meanwhile: %v; want nil, context.Canceled or storage.ErrNotReplicated", err)
	}
	if _, err := f.store.Delete(f.ctx, r.ID); err == nil {
		return
	}
	if _, err := f.queue().Enqueue(f.ctx, r, lease); !errors.Is(err, storage.ErrConflict) {
		f.Fatalf("neither the record nor the revocation is there after a removal that was cancelled: Enqueue: %v; want %q", err, storage.ErrConflict)
	}
}
