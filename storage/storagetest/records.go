package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/passport-go/passport/storage"
)

var recordChecks = []check{
	{"an empty store has nothing", emptyStore},
	{"a record comes back as it was saved", roundTrip},
	{"a save replaces all but the ID", overwrite},
	{"revisions count up from one", revisions},
	{"revisions count on beyond a byte", manyRevisions},
	{"an old or future revision is a conflict", wrongRevision},
	{"a second create is a conflict", createTwice},
	{"a record is absent from its expiry on", expiryBoundary},
	{"a record may live for years", longLife},
	{"writes leave alone what still lives", cleaningSpares},
	{"times between two milliseconds", fractionalExpiry},
	{"expiry moves with a save", expiryMoves},
	{"an expired record can only be created anew", afterExpiry},
	{"a deleted record does not come back", noResurrection},
	{"a deleted ID can be created anew", createAfterDelete},
	{"bad records are refused", badRecords},
	{"an error comes without a record", errorsAlone},
}

func emptyStore(f *fixture) {
	f.absent("a")
	f.absent("")
	_, err := f.store.Delete(f.ctx, "a")
	f.failed(err, storage.ErrNotFound, "Delete")
	f.removeMatching(storage.Match{Subject: "a"})
	f.removeMatching(storage.Match{SID: "a"})
	r := f.record("a")
	r.Revision = 1
	f.saveFails(r, storage.ErrNotFound)
	f.absent("a")
}

func roundTrip(f *fixture) {
	a := f.save(f.record("a"))
	bare := f.save(storage.Record{ID: "b", Expiry: f.clock.Now().Add(lifetime)})
	exact := f.record("c")
	exact.Expiry = exact.Expiry.Add(123 * time.Millisecond)
	exact = f.save(exact)
	f.present(a)
	f.present(bare)
	f.present(exact)
	f.remove(a)
	f.remove(bare)
	f.remove(exact)
}

func overwrite(f *fixture) {
	f.save(f.record("other"))
	r := f.save(f.record("a"))
	r.Subject, r.SID = "another subject", "another sid"
	r.Expiry = r.Expiry.Add(time.Hour)
	r.Data = []byte("other data, and more of it than before")
	r = f.save(r)
	f.present(r)
	r.Subject, r.SID, r.Data = "", "", nil
	r = f.save(r)
	f.present(r)
	f.remove(r)
}

func revisions(f *fixture) {
	r := f.record("a")
	for want := range uint64(20) {
		if r.Revision != want {
			f.Fatalf("after %d saves the revision is %d", want, r.Revision)
		}
		r = f.save(r)
		f.present(r)
	}
}

// manyRevisions is for stores that answer fast: at a minute each, a session that is in
// use has as many in five hours.
func manyRevisions(f *fixture) {
	r := f.record("a")
	for range rounds(300) {
		r = f.save(r)
	}
	f.present(r)
}

func wrongRevision(f *fixture) {
	first := f.save(f.record("a"))
	second := f.save(first)
	f.saveFails(first, storage.ErrConflict) // the same in every byte
	for _, revision := range []uint64{1, 3, 4, 1 << 40} {
		wrong := second
		wrong.Revision = revision
		wrong.Subject, wrong.Data = "of the loser", []byte("of the loser")
		f.saveFails(wrong, storage.ErrConflict)
		f.present(second)
	}
	f.removeMatching(storage.Match{Subject: "of the loser"})
}

func createTwice(f *fixture) {
	r := f.save(f.record("a"))
	f.saveFails(f.record("a"), storage.ErrConflict) // the same in every byte
	again := f.record("a")
	again.Data, again.SID = []byte("of the loser"), "of the loser"
	f.saveFails(again, storage.ErrConflict)
	f.present(r)
	f.removeMatching(storage.Match{SID: "of the loser"})
}

func expiryBoundary(f *fixture) {
	r := f.save(f.record("a"))
	f.clock.advance(lifetime - time.Millisecond)
	f.present(r)
	f.clock.advance(time.Millisecond)
	f.expired("a")
	_, err := f.store.Delete(f.ctx, "a")
	f.failed(err, storage.ErrNotFound, "Delete of an expired record")
	f.clock.advance(lifetime)
	f.expired("a")
}

// longLife is for stores that count the time to live in few bits, or take a long one for
// a date.
func longLife(f *fixture) {
	const year = 365 * 24 * time.Hour
	r := f.record("a")
	r.Expiry = f.clock.Now().Add(2 * year)
	r = f.save(f.save(r))
	f.present(r)
	f.clock.advance(year)
	f.present(r)
	f.removeMatching(storage.Match{Subject: r.Subject, SID: r.SID}, r)
}

// cleaningSpares is for stores that remove what has expired whenever they write.
func cleaningSpares(f *fixture) {
	r := f.save(f.record("a"))
	f.clock.advance(lifetime - time.Millisecond)
	other := f.save(f.save(f.record("other")))
	f.remove(other)
	f.removeMatching(storage.Match{Subject: other.Subject})
	f.present(r)
	f.removeMatching(storage.Match{Subject: r.Subject, SID: r.SID}, r)
}

// fractionalExpiry uses times that a store may keep less exactly than it is given them.
func fractionalExpiry(f *fixture) {
	f.clock.advance(456_789 * time.Nanosecond)
	r := f.record("a")
	for i := range 3 {
		r.Expiry = f.clock.Now().Add(lifetime + time.Duration(i)*333_333)
		saved, err := f.store.Save(f.ctx, r)
		if err != nil {
			f.Fatalf("Save(%s): %v", show(r), err)
		}
		loaded, err := f.store.Load(f.ctx, "a")
		if err != nil {
			f.Fatalf("Load: %v", err)
		}
		f.near(saved.Expiry, r.Expiry, "the Expiry that Save returns")
		f.near(loaded.Expiry, r.Expiry, "the Expiry that Load returns")
		r = loaded
	}
	f.clock.advance(lifetime + 2*time.Millisecond)
	f.expired("a")
}

// near checks that a time has been kept to the millisecond, however it was rounded.
func (f *fixture) near(got, want time.Time, what string) {
	f.Helper()
	if got.Sub(want).Abs() >= time.Millisecond {
		f.Fatalf("%s is %s; want %s, to the millisecond", what, got.UTC().Format(time.RFC3339Nano), want.UTC().Format(time.RFC3339Nano))
	}
}

func expiryMoves(f *fixture) {
	longer := f.save(f.record("longer"))
	shorter := f.save(f.record("shorter"))
	longer.Expiry = longer.Expiry.Add(lifetime)
	longer = f.save(longer)
	shorter.Expiry = f.clock.Now().Add(lifetime / 2)
	shorter = f.save(shorter)

	f.clock.advance(lifetime/2 - time.Millisecond)
	f.present(shorter)
	f.clock.advance(time.Millisecond)
	f.expired("shorter")
	f.clock.advance(lifetime)
	f.present(longer)
	f.clock.advance(lifetime / 2)
	f.expired("longer")
}

func afterExpiry(f *fixture) {
	old := f.save(f.save(f.record("a")))
	f.clock.advance(lifetime)

	late := old
	late.Expiry = f.clock.Now().Add(lifetime)
	f.saveFails(late, storage.ErrNotFound)
	f.absent("a")

	fresh := f.record("a")
	fresh.Subject, fresh.SID = "another subject", "another sid"
	fresh = f.save(fresh) // at revision 1 again
	f.present(fresh)
	f.saveFails(late, storage.ErrConflict)
	f.removeMatching(storage.Match{Subject: old.Subject})
	f.removeMatching(storage.Match{SID: old.SID})
	f.removeMatching(storage.Match{Subject: fresh.Subject, SID: fresh.SID}, fresh)
}

func noResurrection(f *fixture) {
	read := f.save(f.record("a"))
	f.remove(read)
	f.saveFails(read, storage.ErrNotFound)
	f.absent("a")
	_, err := f.store.Delete(f.ctx, "a")
	f.failed(err, storage.ErrNotFound, "second Delete")
	f.removeMatching(storage.Match{Subject: read.Subject})
	f.removeMatching(storage.Match{SID: read.SID})

	read = f.save(f.record("b"))
	f.removeMatching(storage.Match{SID: read.SID}, read)
	f.saveFails(read, storage.ErrNotFound)
	f.absent("b")
}

func createAfterDelete(f *fixture) {
	f.remove(f.save(f.save(f.record("a"))))
	again := f.record("a")
	again.SID = "another sid"
	again = f.save(again)
	f.present(again)
	f.removeMatching(storage.Match{SID: "sid of a"})
	f.removeMatching(storage.Match{SID: "another sid"}, again)
}

func badRecords(f *fixture) {
	stored := f.save(f.record("stored"))
	noID := f.record("")
	now := f.record("now")
	now.Expiry = f.clock.Now()
	past := f.record("past")
	past.Expiry = f.clock.Now().Add(-time.Millisecond)
	never := f.record("never")
	never.Expiry = time.Time{}
	expiring := stored
	expiring.Expiry = f.clock.Now()
	for _, r := range []storage.Record{noID, now, past, never, expiring} {
		f.refused(r)
	}
	for _, id := range []string{"", "now", "past", "never"} {
		f.absent(id)
	}
	f.removeMatching(storage.Match{Subject: now.Subject})
	f.present(stored)
}

// errorsAlone is for callers that go by the record: with storage.ErrNotReplicated there is
// one beside the error.
func errorsAlone(f *fixture) {
	stored := f.save(f.record("a"))
	ended, end := context.WithCancel(f.ctx)
	end()
	later := stored
	later.Revision = 7
	absent := f.record("absent")
	absent.Revision = 1
	calls := []func() (storage.Record, error){
		func() (storage.Record, error) { return f.store.Load(f.ctx, "absent") },
		func() (storage.Record, error) { return f.store.Load(ended, "a") },
		func() (storage.Record, error) { return f.store.Save(f.ctx, f.record("a")) },
		func() (storage.Record, error) { return f.store.Save(f.ctx, f.record("")) },
		func() (storage.Record, error) { return f.store.Save(f.ctx, later) },
		func() (storage.Record, error) { return f.store.Save(f.ctx, absent) },
		func() (storage.Record, error) { return f.store.Save(ended, stored) },
		func() (storage.Record, error) { return f.store.Delete(f.ctx, "absent") },
		func() (storage.Record, error) { return f.store.Delete(ended, "a") },
	}
	if is[storage.RevocationQueue](f.store) {
		f.enqueues(f.record("revocation"))
		enqueue := func(ctx context.Context, id string) (storage.Record, error) {
			d, err := f.queue().Enqueue(ctx, f.record(id), lease)
			return d.Record, err
		}
		remove := func(ctx context.Context, id string) (storage.Record, error) {
			d, err := f.queue().DeleteAndEnqueue(ctx, id, lease)
			return d.Record, err
		}
		calls = append(calls,
			func() (storage.Record, error) { return enqueue(f.ctx, "revocation") },
			func() (storage.Record, error) { return enqueue(f.ctx, "") },
			func() (storage.Record, error) { return enqueue(ended, "another") },
			func() (storage.Record, error) { return remove(f.ctx, "absent") },
			func() (storage.Record, error) { return remove(ended, "a") },
		)
	}
	for i, call := range calls {
		if r, err := call(); err == nil || !equal(r, storage.Record{}) {
			f.Errorf("call %d returned %s beside the error %v; want an error alone", i, show(r), err)
		}
	}
	f.present(stored)
}

// refused checks that saving r fails, and not with one of the errors that callers act
// on.
func (f *fixture) refused(r storage.Record) {
	f.Helper()
	_, err := f.store.Save(f.ctx, r)
	if err == nil {
		f.Fatalf("Save(%s) succeeded; want an error", show(r))
	}
	for _, sentinel := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrFull, storage.ErrEmptyMatch} {
		if errors.Is(err, sentinel) {
			f.Fatalf("Save(%s): %v; want an error that is not %q", show(r), err, sentinel)
		}
	}
}
