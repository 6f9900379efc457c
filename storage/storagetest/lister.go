package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

var listerChecks = []check{
	{"List selects as DeleteMatching does", listSelects},
	{"List leaves out what has expired or is gone", listLive},
	{"List refuses an empty match", listEmpty},
	{"List lists many", listMany},
	{"the bytes that List hands out do not change", listStable},
}

// list checks that List returns exactly those records.
func (f *fixture) list(m storage.Match, want ...storage.Record) {
	f.Helper()
	got, err := f.store.(storage.Lister).List(f.ctx, m)
	if err != nil {
		f.Fatalf("List(%+v): %v", m, err)
	}
	f.sameSet(got, want, fmt.Sprintf("List(%+v)", m))
}

func listSelects(f *fixture) {
	a := f.owned("a", "alice", "s1")
	b := f.owned("b", "alice", "s2")
	c := f.owned("c", "bob", "s1")
	f.list(storage.Match{Subject: "alice"}, a, b)
	f.list(storage.Match{SID: "s1"}, a, c)
	f.list(storage.Match{Subject: "alice", SID: "s1"}, a)
	f.list(storage.Match{Subject: "alice", Except: "a"}, b)
	f.list(storage.Match{Subject: "bob", SID: "s2"})
	f.present(a) // listing changes nothing

	a.Subject, a.SID = "bob", "s2"
	a = f.save(a)
	f.list(storage.Match{Subject: "alice"}, b)
	f.list(storage.Match{Subject: "bob"}, a, c)
	f.list(storage.Match{SID: "s2"}, a, b)
}

func listLive(f *fixture) {
	f.owned("early", "alice", "s1")
	gone := f.owned("gone", "alice", "s1")
	late := f.record("late")
	late.Subject, late.SID = "alice", "s1"
	late.Expiry = late.Expiry.Add(time.Millisecond)
	late = f.save(late)
	f.remove(gone)
	f.clock.advance(lifetime)
	f.list(storage.Match{Subject: "alice"}, late)
	f.list(storage.Match{SID: "s1"}, late)
	f.clock.advance(time.Millisecond)
	f.list(storage.Match{SID: "s1"})
}

func listEmpty(f *fixture) {
	f.save(f.record("a"))
	for _, m := range []storage.Match{{}, {Except: "a"}} {
		_, err := f.store.(storage.Lister).List(f.ctx, m)
		f.failed(err, storage.ErrEmptyMatch, fmt.Sprintf("List(%+v)", m))
	}
}

// listMany lists more records than any reasonable batch.
func listMany(f *fixture) {
	alices, bobs := f.many(600)
	f.list(storage.Match{Subject: "alice"}, alices...)
	f.list(storage.Match{SID: "s1"}, slices.Concat(alices, bobs)...)
}

func listStable(f *fixture) {
	var want []storage.Record
	for _, letter := range []string{"a", "b", "c"} {
		r := f.record(letter)
		r.Subject, r.Data = "alice", letters(letter)
		want = append(want, f.save(r))
	}
	lister := f.store.(storage.Lister)
	first, err := lister.List(f.ctx, storage.Match{Subject: "alice"})
	if err != nil {
		f.Fatalf("List: %v", err)
	}
	for _, r := range want {
		r.Data = letters("z")
		f.save(r)
	}
	if _, err := lister.List(f.ctx, storage.Match{Subject: "alice"}); err != nil {
		f.Fatalf("List: %v", err)
	}
	f.sameSet(first, want, "List, after other calls,")
}
