package storagetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/passport-go/passport/storage"
)

// concurrentChecks run on one store, and on two that share a backend.
var concurrentChecks = []check{
	{"of many creators one wins", oneCreator},
	{"of many writers one wins", oneWriter},
	{"of many deleters one gets the record", oneDeleter},
	{"nothing comes back after a delete", deleteAgainstSave},
	{"thousands of callers lose no update", noLostUpdate},
	{"logins and logouts of one user leave nothing behind", noLeftovers},
}

// oneCreator has concurrent callers create the same record, from the second round on
// when another has expired.
func oneCreator(f *fixture) {
	for range atLeast(40) {
		var o outcome
		var winner atomic.Pointer[storage.Record]
		parallel(8, func(i int) {
			r := f.record("a")
			r.SID, r.Data = fmt.Sprint("sid ", i), fmt.Append(nil, "of caller ", i)
			saved, err := f.at(i).Save(f.ctx, r)
			o.count(f, err, storage.ErrConflict, "Save")
			if err == nil {
				winner.Store(&saved)
			}
		})
		o.want(f, 1, "Save of a new record")
		f.present(*winner.Load())
		f.clock.advance(lifetime)
	}
	for i := range 8 {
		f.removeMatching(storage.Match{SID: fmt.Sprint("sid ", i)})
	}
}

func oneWriter(f *fixture) {
	for round := range atLeast(40) {
		read := f.save(f.record(fmt.Sprint("record ", round)))
		var o outcome
		var winner atomic.Pointer[storage.Record]
		parallel(8, func(i int) {
			r := read
			r.Subject, r.SID = fmt.Sprint("subject ", i), fmt.Sprint("sid ", i)
			saved, err := f.at(i).Save(f.ctx, r)
			o.count(f, err, storage.ErrConflict, "Save")
			if err == nil {
				winner.Store(&saved)
			}
		})
		o.want(f, 1, "Save at one revision")
		w := *winner.Load()
		f.present(w)
		f.removeMatching(storage.Match{Subject: read.Subject})
		for i := range 8 {
			if m := (storage.Match{SID: fmt.Sprint("sid ", i)}); m.SID != w.SID {
				f.removeMatching(m)
			}
		}
		f.removeMatching(storage.Match{Subject: w.Subject, SID: w.SID}, w)
	}
}

// oneDeleter has concurrent callers delete the same record in every possible way.
func oneDeleter(f *fixture) {
	for round := range atLeast(40) {
		r := f.save(f.record(fmt.Sprint("record ", round)))
		var got, enqueued atomic.Int64
		parallel(10, func(i int) {
			removed, revocations, err := deleteSomehow(f.on(i), i+round, r)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				f.Errorf("delete: %v", err)
			}
			got.Add(int64(len(removed)))
			enqueued.Add(int64(len(revocations)))
		})
		if got.Load() != 1 {
			f.Fatalf("%d of 10 callers that delete at once got the record; want one", got.Load())
		}
		f.absent(r.ID)
		f.revocationsAre(int(enqueued.Load()))
	}
}

// deleteSomehow deletes r in one of the possible ways, and returns what it got, and the
// revocations that it has become.
func deleteSomehow(f *fixture, way int, r storage.Record) (removed []storage.Record, revocations []storage.Revocation, err error) {
	ways := 3
	if is[storage.RevocationQueue](f.store) {
		ways = 5
	}
	switch way % ways {
	case 0:
		got, err := f.store.Delete(f.ctx, r.ID)
		return one(got, err), nil, err
	case 1:
		removed, err = f.store.DeleteMatching(f.ctx, storage.Match{Subject: r.Subject})
		return removed, nil, err
	case 2:
		removed, err = f.store.DeleteMatching(f.ctx, storage.Match{SID: r.SID})
		return removed, nil, err
	case 3:
		d, err := f.queue().DeleteAndEnqueue(f.ctx, r.ID, lease)
		revocations = oneRevocation(d, err)
		return recordsOf(revocations), revocations, err
	default:
		revocations, err = f.queue().DeleteMatchingAndEnqueue(f.ctx, storage.Match{Subject: r.Subject, SID: r.SID}, lease)
		return recordsOf(revocations), revocations, err
	}
}

// revocationsAre checks how many revocations there are, and completes them.
func (f *fixture) revocationsAre(want int) {
	f.Helper()
	if !is[storage.RevocationQueue](f.store) {
		return
	}
	f.clock.advance(lease)
	revocations, err := f.queue().Claim(f.ctx, "", want+10, lease)
	if err != nil || len(revocations) != want {
		f.Fatalf("Claim returned %d revocations, %v; want %d", len(revocations), err, want)
	}
	for _, d := range revocations {
		if err := f.queue().Complete(f.ctx, d); err != nil {
			f.Fatalf("Complete: %v", err)
		}
	}
}

// deleteAgainstSave has writers refresh a record as fast as they can while it is deleted
// in every possible way. The deleter, and the queue, must get what was saved last.
func deleteAgainstSave(f *fixture) {
	for round := range atLeast(60) {
		created := f.save(f.record(fmt.Sprint("record ", round)))
		var saves atomic.Int64
		var gone atomic.Bool
		var deleted []storage.Record
		var enqueued []storage.Revocation
		const writers = 4
		parallel(writers+1, func(i int) {
			if i != round/2%(writers+1) {
				saves.Add(refreshUntilGone(f, f.at(i), created, &gone))
				return
			}
			var err error
			if deleted, enqueued, err = deleteSomehow(f.on(round), round, created); err != nil {
				f.Errorf("delete: %v", err)
			}
			gone.Store(true)
			for j := range f.stores {
				if r, err := f.at(j).Load(f.ctx, created.ID); !errors.Is(err, storage.ErrNotFound) {
					f.Errorf("Load after a delete returned: %s, %v", show(r), err)
				}
			}
		})
		last := created
		last.Revision += uint64(saves.Load())
		f.sameSet(deleted, []storage.Record{last}, "a delete among saves")
		f.absent(created.ID)
		f.removeMatching(storage.Match{Subject: created.Subject})
		f.removeMatching(storage.Match{SID: created.SID})
		f.completes(enqueued)
	}
}

// completes checks that there are no other revocations, and completes them.
func (f *fixture) completes(enqueued []storage.Revocation) {
	f.Helper()
	if !is[storage.RevocationQueue](f.store) {
		return
	}
	f.clock.advance(lease)
	for _, d := range f.claims(len(enqueued)+10, lease, enqueued...) {
		if err := f.queue().Complete(f.ctx, d); err != nil {
			f.Fatalf("Complete: %v", err)
		}
	}
}

// refreshUntilGone saves r until it is deleted, and returns how often that succeeded.
// gone is set once Delete has returned.
func refreshUntilGone(f *fixture, store storage.TokenStore, r storage.Record, gone *atomic.Bool) (saves int64) {
	for {
		late := gone.Load()
		next, err := store.Save(f.ctx, r)
		if errors.Is(err, storage.ErrConflict) && !late {
			next, err = store.Load(f.ctx, r.ID)
		} else if err == nil {
			saves++
		}
		if errors.Is(err, storage.ErrNotFound) {
			return saves
		}
		if err != nil || late {
			f.Errorf("Save of a record that is deleted (for sure: %v): %v; want %q", late, err, storage.ErrNotFound)
			return saves
		}
		r = next
	}
}

// noLostUpdate has several callers increment each counter by one, with more and more
// callers at once.
func noLostUpdate(f *fixture) {
	waves := []int{100, 200, 400, 800, 1500}
	for i := range upTo(len(waves)) {
		raiseCounters(f, waves[i%len(waves)])
		f.clock.advance(lifetime) // and they expire
	}
}

func raiseCounters(f *fixture, callers int) {
	records := callers / 8
	id := func(i int) string { return fmt.Sprintf("counter %d of %d", i%records, callers) }
	parallel(records, func(i int) {
		r := f.record(id(i))
		r.Data = []byte("0")
		if _, err := f.at(i).Save(f.ctx, r); err != nil {
			f.Errorf("Save: %v", err)
		}
	})
	parallel(callers, func(i int) {
		if err := increment(f, f.at(i), id(i)); err != nil {
			f.Errorf("increment: %v", err)
		}
	})
	total := 0
	for i := range records {
		r, err := f.store.Load(f.ctx, id(i))
		if err != nil {
			f.Fatalf("Load: %v", err)
		}
		n, _ := strconv.Atoi(string(r.Data))
		if r.Revision != uint64(n)+1 {
			f.Errorf("%q was raised to %d, but is at revision %d", r.ID, n, r.Revision)
		}
		total += n
	}
	if total != callers {
		f.Errorf("%d callers raised a counter by one; the sum is %d", callers, total)
	}
}

func increment(f *fixture, store storage.TokenStore, id string) error {
	for range 100_000 {
		r, err := store.Load(f.ctx, id)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return err
		}
		r.Data = strconv.AppendInt(nil, int64(n)+1, 10)
		if _, err = store.Save(f.ctx, r); !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
	return errors.New("a conflict every time")
}

// noLeftovers has concurrent callers log one user in, and out everywhere. In the end,
// every record must have been removed exactly once.
func noLeftovers(f *fixture) {
	const callers = 16
	var created, removed atomic.Int64
	removeAll := func(i int, m storage.Match) {
		got, err := f.at(i).DeleteMatching(f.ctx, m)
		if err != nil {
			f.Errorf("DeleteMatching(%+v): %v", m, err)
		}
		removed.Add(int64(len(got)))
	}
	parallel(callers, func(i int) {
		for n := range max(8, rounds(24)) { // at least once each of the below
			r := f.record(fmt.Sprintf("%d of %d", n, i))
			r.Subject, r.SID = "alice", fmt.Sprint("sid ", n%3)
			saved, err := f.at(i).Save(f.ctx, r)
			if err != nil {
				f.Errorf("Save: %v", err)
				return
			}
			created.Add(1)
			saved.SID = fmt.Sprint("sid ", (n+1)%3)
			if _, err := f.at(i+n).Save(f.ctx, saved); err != nil && !errors.Is(err, storage.ErrNotFound) {
				f.Errorf("Save: %v", err)
			}
			switch n % 8 {
			case 3:
				removeAll(i, storage.Match{SID: r.SID})
			case 5:
				removeAll(i, storage.Match{Subject: "alice", SID: saved.SID})
			case 7:
				removeAll(i, storage.Match{Subject: "alice"})
			}
		}
	})
	removeAll(0, storage.Match{Subject: "alice"})
	if created.Load() != removed.Load() {
		f.Errorf("%d records were created, but %d removed", created.Load(), removed.Load())
	}
	for sid := range 3 {
		f.removeMatching(storage.Match{SID: fmt.Sprint("sid ", sid)})
	}
	f.absent("0 of 0")
}
