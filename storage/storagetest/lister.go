package storagetest

import (
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
)

var listerChecks = []check{
	{"List selects as DeleteMatching does", listSelects},
	{"List leaves out what has expired or is gone", listLive},
	{"List refuses an empty match", listEmpty},
}

// list checks that List returns just those records.
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
