package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
)

var matchChecks = []check{
	{"DeleteMatching by subject", matchSubject},
	{"DeleteMatching by sid", matchSID},
	{"DeleteMatching by subject and sid", matchBoth},
	{"DeleteMatching spares Except", matchExcept},
	{"an empty match is refused", matchEmpty},
	{"an empty field is not indexed", matchUnindexed},
	{"the index follows a changed subject and sid", matchChanged},
	{"DeleteMatching leaves out what has expired", matchExpired},
	{"an index lasts as long as the last of its records", indexLasts},
	{"DeleteMatching removes many", matchMany},
	{"DeleteMatching goes through an index", matchIndexed},
}

// owned creates a record with that subject and sid.
func (f *fixture) owned(id, subject, sid string) storage.Record {
	f.Helper()
	r := f.record(id)
	r.Subject, r.SID = subject, sid
	return f.save(r)
}

func matchSubject(f *fixture) {
	a1 := f.owned("a1", "alice", "s1")
	a2 := f.owned("a2", "alice", "s2")
	a3 := f.owned("a3", "alice", "")
	b := f.owned("b", "bob", "alice") // her name, as a sid
	f.removeMatching(storage.Match{Subject: "alic"})
	f.removeMatching(storage.Match{Subject: "alice2"})
	f.removeMatching(storage.Match{Subject: "Alice"})
	f.removeMatching(storage.Match{Subject: "alice"}, a1, a2, a3)
	f.removeMatching(storage.Match{Subject: "alice"})
	f.absent("a1")
	f.absent("a2")
	f.absent("a3")
	f.removeMatching(storage.Match{SID: "s1"})
	f.present(b)
}

func matchSID(f *fixture) {
	a := f.owned("a", "alice", "s1")
	b := f.owned("b", "bob", "s1")
	c := f.owned("c", "s1", "s2")
	f.removeMatching(storage.Match{SID: "s"})
	f.removeMatching(storage.Match{SID: "s1"}, a, b)
	f.removeMatching(storage.Match{SID: "s1"})
	f.absent("a")
	f.absent("b")
	f.present(c)
	f.removeMatching(storage.Match{Subject: "alice"})
}

func matchBoth(f *fixture) {
	a := f.owned("a", "alice", "s1")
	f.owned("b", "alice", "s2")
	f.owned("c", "bob", "s1")
	f.owned("d", "alice", "")
	f.owned("e", "", "s1")
	f.removeMatching(storage.Match{Subject: "carol", SID: "s1"})
	f.removeMatching(storage.Match{Subject: "alice", SID: "s3"})
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1"}, a)
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1"})
	for _, id := range []string{"b", "c", "d", "e"} {
		if _, err := f.store.Load(f.ctx, id); err != nil {
			f.Errorf("Load(%q) after a match that does not select it: %v", id, err)
		}
	}
}

func matchExcept(f *fixture) {
	a := f.owned("a", "alice", "s1")
	b := f.owned("b", "alice", "s1")
	c := f.owned("c", "alice", "s2")
	longer := f.owned("b2", "alice", "s1")
	upper := f.owned("B", "alice", "s1")
	f.removeMatching(storage.Match{Subject: "alice", Except: "b"}, a, c, longer, upper)
	f.present(b)
	f.removeMatching(storage.Match{Subject: "alice", Except: "b"})
	f.removeMatching(storage.Match{SID: "s1", Except: "b"})
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1", Except: "b"})
	f.present(b)
	f.removeMatching(storage.Match{SID: "s1", Except: "no such record"}, b)
}

func matchEmpty(f *fixture) {
	r := f.save(f.record("a"))
	bare := f.owned("b", "", "")
	for _, m := range []storage.Match{{}, {Except: "a"}} {
		got, err := f.store.DeleteMatching(f.ctx, m)
		f.failed(err, storage.ErrEmptyMatch, fmt.Sprintf("DeleteMatching(%+v)", m))
		f.sameSet(got, nil, "refused DeleteMatching")
	}
	f.present(r)
	f.present(bare)
}

func matchUnindexed(f *fixture) {
	f.owned("no subject", "", "s1")
	f.owned("no sid", "alice", "")
	f.owned("neither", "", "")
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1"})
	for _, id := range []string{"no subject", "no sid", "neither"} {
		if _, err := f.store.Load(f.ctx, id); err != nil {
			f.Errorf("Load(%q): %v", id, err)
		}
	}
}

func matchChanged(f *fixture) {
	r := f.owned("a", "alice", "s1")
	f.owned("b", "alice", "s1")
	r.Subject = "bob"
	r = f.save(r)
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1", Except: "b"})
	f.present(r)
	r.SID = "s2"
	r = f.save(r)
	f.removeMatching(storage.Match{SID: "s1", Except: "b"})
	f.present(r)

	r.Subject, r.SID = "", ""
	r = f.save(r)
	f.removeMatching(storage.Match{Subject: "bob"})
	f.removeMatching(storage.Match{SID: "s2"})
	f.present(r)

	r.Subject, r.SID = "alice", "s1" // back where it was
	r = f.save(r)
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1", Except: "b"}, r)
}

func matchExpired(f *fixture) {
	f.owned("early", "alice", "s1")
	late := f.record("late")
	late.Subject, late.SID = "alice", "s1"
	late.Expiry = late.Expiry.Add(time.Millisecond)
	late = f.save(late)
	f.clock.advance(lifetime)
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1"}, late)

	f.owned("again", "alice", "s1")
	f.clock.advance(lifetime)
	f.removeMatching(storage.Match{SID: "s1"})
	f.removeMatching(storage.Match{Subject: "alice"})
	f.expired("again")
}

// indexLasts saves the record that expires first last, and has another live longer than
// it was created for.
func indexLasts(f *fixture) {
	long := f.owned("long", "alice", "s1")
	moved := f.record("moved")
	moved.Subject, moved.SID, moved.Expiry = "bob", "s2", f.clock.Now().Add(lifetime/2)
	moved = f.save(moved)
	moved.Expiry = long.Expiry
	moved = f.save(moved)
	for _, of := range []storage.Record{long, moved} {
		brief := f.record("brief, of " + of.ID)
		brief.Subject, brief.SID = of.Subject, of.SID
		brief.Expiry = f.clock.Now().Add(lifetime / 4)
		f.save(brief)
	}
	f.clock.advance(lifetime * 3 / 4)
	f.removeMatching(storage.Match{Subject: "alice"}, long)
	f.removeMatching(storage.Match{SID: "s2"}, moved)
}

// matchMany uses more records than any reasonable batch.
func matchMany(f *fixture) {
	spared := f.owned("spared", "alice", "s1")
	alices, bobs := f.many(1200)
	f.removeMatching(storage.Match{Subject: "alice", Except: "spared"}, alices...)
	f.present(spared)
	f.removeMatching(storage.Match{SID: "s1", Except: "spared"}, bobs...)
	f.removeMatching(storage.Match{Subject: "alice", SID: "s1"}, spared)
}

// matchIndexed compares DeleteMatching of one record with Delete, among many records: a
// store that looks through all of them takes many times as long, or makes many calls. It
// goes by the fastest of several, and a busy machine gets several chances.
func matchIndexed(f *fixture) {
	start := time.Now()
	parallel(16, func(worker int) {
		for i := 0; i < 200 && (i < 20 || time.Since(start) < budget); i++ {
			if _, err := f.at(worker).Save(f.ctx, f.record(fmt.Sprint("record ", i, " of ", worker))); err != nil {
				f.Errorf("Save: %v", err)
				return
			}
		}
	})
	var deleted, matched time.Duration
	for round := range 5 {
		deleted, matched = time.Hour, time.Hour
		for i := range upTo(20) {
			d, m := f.timeRemovals(fmt.Sprint(round, ".", i))
			deleted, matched = min(deleted, d), min(matched, m)
		}
		if matched <= 10*deleted+20*time.Microsecond {
			return
		}
	}
	f.Fatalf("among many records, DeleteMatching of one takes %v, and Delete %v: it does not go through an index", matched, deleted)
}

// timeRemovals removes one record by Delete, and one by DeleteMatching.
func (f *fixture) timeRemovals(name string) (deleted, matched time.Duration) {
	f.owned("to be deleted "+name, "bob", "s1")
	f.owned("to be matched "+name, "alice "+name, "")
	start := time.Now()
	_, err := f.store.Delete(f.ctx, "to be deleted "+name)
	deleted = time.Since(start)
	if err != nil {
		f.Fatalf("Delete: %v", err)
	}
	start = time.Now()
	removed, err := f.store.DeleteMatching(f.ctx, storage.Match{Subject: "alice " + name})
	matched = time.Since(start)
	if err != nil || len(removed) != 1 {
		f.Fatalf("DeleteMatching: %d records, %v; want one", len(removed), err)
	}
	return deleted, matched
}

// many creates n records, or fewer with -short, of two users with one sid.
func (f *fixture) many(n int) (alices, bobs []storage.Record) {
	f.Helper()
	if testing.Short() {
		n = tenth(n)
	}
	all := make([]storage.Record, n)
	parallel(16, func(worker int) {
		for i := worker; i < len(all); i += 16 {
			r := f.record(fmt.Sprint("record ", i))
			r.Subject, r.SID = []string{"alice", "bob"}[i%2], "s1"
			saved, err := f.store.Save(f.ctx, r)
			if err != nil {
				f.Errorf("Save: %v", err)
			}
			all[i] = saved
		}
	})
	for i := 0; i < len(all); i += 2 {
		alices, bobs = append(alices, all[i]), append(bobs, all[i+1])
	}
	return alices, bobs
}
