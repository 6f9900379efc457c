package storagetest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/passport-go/passport/storage"
)

var dataChecks = []check{
	{"Data of any size and content", anyData},
	{"the bytes handed in stay the caller's", keepsNoAlias},
	{"the bytes handed out do not change", handsOutStable},
	{"the records handed out do not change", recordsStable},
	{"appending to the bytes handed out is safe", appendStable},
	{"what was decoded belongs to one version", decodedOfOneVersion},
	{"any text is an ID, a subject and a sid", anyText},
	{"a name that no record can have is not there", strangeNames},
	{"keys are not taken apart or joined", keysApart},
	{"Delete leaves the neighbours of an ID", deleteNeighbours},
}

// sequence returns n bytes that take every value, without a short period.
func sequence(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*i/251 + i)
	}
	return data
}

func anyData(f *fixture) {
	for _, size := range []int{0, 1, 255, 2600, 64 << 10, 1 << 20} {
		r := f.record(fmt.Sprintf("%d bytes", size))
		r.Data = sequence(size)
		r = f.save(r)
		f.present(r)
		r.Data = []byte("\x00\xff\xfe'\"\\\r\n%s\x80 {}")
		r = f.save(r)
		f.present(r)
		r.Data = sequence(size)
		r = f.save(r)
		f.removeMatching(storage.Match{SID: r.SID}, r)
	}
}

func keepsNoAlias(f *fixture) {
	r := f.record("a")
	for range 2 { // as created, and as replaced
		want := r
		want.Data = bytes.Repeat([]byte("x"), 100)
		r.Data = bytes.Clone(want.Data)
		saved, err := f.store.Save(f.ctx, r)
		if err != nil {
			f.Fatalf("Save: %v", err)
		}
		for i := range r.Data {
			r.Data[i] = 'y'
		}
		want.Revision = saved.Revision
		f.present(want)
		r.Revision = saved.Revision
	}
}

// letters returns a letter 500 times.
func letters(letter string) []byte { return []byte(strings.Repeat(letter, 500)) }

// handsOutStable checks that bytes that a method has returned do not change while the
// store works on other records of the same size.
func handsOutStable(f *fixture) {
	r := f.record("a")
	r.Data = letters("a")
	saved := f.save(r)
	loaded, err := f.store.Load(f.ctx, "a")
	if err != nil {
		f.Fatalf("Load: %v", err)
	}
	next := saved
	next.Data = letters("b")
	next = f.save(next)
	deleted, err := f.store.Delete(f.ctx, "a")
	if err != nil {
		f.Fatalf("Delete: %v", err)
	}
	r.Data = letters("c")
	f.save(r)
	matched, err := f.store.DeleteMatching(f.ctx, storage.Match{SID: r.SID})
	if err != nil || len(matched) != 1 {
		f.Fatalf("DeleteMatching: %d records, %v", len(matched), err)
	}
	for i := range 50 {
		busy := f.record(fmt.Sprint("busy ", i))
		busy.Data = letters("z")
		f.save(busy)
	}
	for _, h := range []struct {
		from   string
		got    []byte
		letter string
	}{{"Save", saved.Data, "a"}, {"Load", loaded.Data, "a"}, {"Save", next.Data, "b"}, {"Delete", deleted.Data, "b"}, {"DeleteMatching", matched[0].Data, "c"}} {
		if !bytes.Equal(h.got, letters(h.letter)) {
			f.Errorf("the bytes that %s returned have changed to %s", h.from, brief(string(h.got)))
		}
	}
}

// recordsStable checks that what DeleteMatching has returned does not change when it is
// called again.
func recordsStable(f *fixture) {
	a, b := f.owned("a", "alice", "s1"), f.owned("b", "bob", "s2")
	first, err := f.store.DeleteMatching(f.ctx, storage.Match{Subject: "alice"})
	if err != nil {
		f.Fatalf("DeleteMatching: %v", err)
	}
	f.removeMatching(storage.Match{Subject: "bob"}, b)
	f.sameSet(first, []storage.Record{a}, "DeleteMatching, after another call,")
}

func appendStable(f *fixture) {
	f.save(f.record("a"))
	load := func() []byte {
		r, err := f.store.Load(f.ctx, "a")
		if err != nil {
			f.Fatalf("Load: %v", err)
		}
		return r.Data
	}
	first := append(load(), "first"...)
	second := append(load(), "other"...)
	if !bytes.HasSuffix(first, []byte("first")) || !bytes.HasSuffix(second, []byte("other")) {
		f.Errorf("two callers appended to their Data and share the result: %q, %q", first, second)
	}
}

// oddTexts are what an identity provider, or an attacker, may send as a subject or a
// sid.
var oddTexts = []string{
	" ", "a", "A", "a ", " a", "a\t", "a\n", "a\r\n", "\na", "a:b", "a/b", "a+b=", "a%2Fb", "a|b", "a,b", "a;b", "a*", "*", "?", "a?", "[a]", "{a}", "}{", "{}", "a{b}c",
	"auth0|0123456789", "email|6123", "$1", "${a}", "a'b", `a"b`, "a`b", `a\b`, `a\\b`, "a--b", "'; DROP TABLE sessions; --", "%", "_", "a_", "a%", "../a", "..", ".",
	"\x01", "\x7f", "\u0080", "\u00e9", "e\u0301", "ß", "ss", "İ", "i", "日本語", "\U0001f511", "\u202eabc", "\ufeffa", "null", "nil", "0", "00", "-1",
	strings.Repeat("k", 1024), strings.Repeat("k", 1023) + "l", strings.Repeat("é", 512),
}

func anyText(f *fixture) {
	stored := make([]storage.Record, len(oddTexts))
	for i, text := range oddTexts {
		stored[i] = f.owned(text, text, oddTexts[len(oddTexts)-1-i])
	}
	for _, r := range stored {
		f.present(r)
	}
	for i, r := range stored {
		switch i % 4 {
		case 0:
			f.remove(r)
		case 1:
			f.removeMatching(storage.Match{Subject: r.Subject}, r)
		case 2:
			f.removeMatching(storage.Match{SID: r.SID}, r)
		case 3:
			f.removeMatching(storage.Match{Subject: r.Subject, SID: r.SID}, r)
		}
		f.absent(r.ID)
	}
}

// strangeNames asks for what no record has: anybody may send such a text as a sid, and a
// store that fails then, instead of finding nothing, lets strangers disturb everybody.
func strangeNames(f *fixture) {
	a := f.of("a", "a")
	for _, text := range []string{"\x00", "a\x00", "a\x00b", "\xff", "a\xff", "\xc3", strings.Repeat("a", 10_000)} {
		f.absent(text)
		_, err := f.store.Delete(f.ctx, text)
		f.failed(err, storage.ErrNotFound, fmt.Sprintf("Delete(%s)", brief(text)))
		for _, m := range []storage.Match{
			{Tenant: "a", Kind: "a", Subject: text},
			{Tenant: "a", Kind: "a", SID: text},
			{Tenant: "a", Kind: storage.Kind(text), Subject: "alice"},
			{Tenant: text, Kind: "a", SID: "s1"},
		} {
			f.removeMatching(m)
			if is[storage.Lister](f.store) {
				f.list(m)
			}
			if is[storage.RevocationQueue](f.store) {
				f.enqueued(m)
			}
		}
		if is[storage.RevocationQueue](f.store) {
			f.claimsOf(text, 1, lease)
			none := storage.Revocation{Record: storage.Record{ID: text}, Due: f.clock.Now()}
			f.failed(f.queue().Complete(f.ctx, none), storage.ErrNotFound, fmt.Sprintf("Complete(%s)", brief(text)))
		}
	}
	f.removeMatching(storage.Match{Tenant: "a", Kind: "a", Subject: "alice", Except: "a\xff"}, a)
}

// keysApart uses pairs that collide if a store concatenates subject and sid, or a key
// and a prefix.
func keysApart(f *fixture) {
	for _, separator := range []string{"", ":", "/", "|", "\x1f", " ", "}", "%"} {
		left := f.owned("left"+separator, "a"+separator+"b", "c")
		right := f.owned("right"+separator, "a", "b"+separator+"c")
		f.removeMatching(storage.Match{Subject: "a" + separator + "b", SID: "b" + separator + "c"})
		f.removeMatching(storage.Match{Subject: left.Subject, SID: left.SID}, left)
		f.removeMatching(storage.Match{Subject: right.Subject, SID: right.SID}, right)
	}
	for _, prefix := range []string{"r", "record", "session", "sub", "subject", "sid", "idx", "revocation", "due"} {
		for _, separator := range []string{":", "/", ""} {
			r := f.owned("x", "y", "z")
			f.absent(prefix + separator + "x")
			other := f.owned(prefix+separator+"x", prefix+separator+"y", prefix+separator+"z")
			f.removeMatching(storage.Match{Subject: "y"}, r)
			f.removeMatching(storage.Match{SID: prefix + separator + "z"}, other)
		}
	}
}

// deleteNeighbours removes a record whose ID begins those of others.
func deleteNeighbours(f *fixture) {
	var others []storage.Record
	for _, id := range []string{"x:", "x:y", "xy", "x/y", "x*", "ax", ":x"} {
		others = append(others, f.save(f.record(id)))
	}
	f.remove(f.save(f.record("x")))
	r := f.save(f.record("x"))
	f.removeMatching(storage.Match{SID: r.SID}, r)
	for _, other := range others {
		f.present(other)
		f.removeMatching(storage.Match{Subject: other.Subject}, other)
	}
}

// decodedOfOneVersion is for stores that keep what was decoded beside Data. With any
// other, nothing is ever there.
func decodedOfOneVersion(f *fixture) {
	load := func(id string) *storage.Record {
		r, err := f.store.Load(f.ctx, id)
		if err != nil {
			f.Fatalf("Load: %v", err)
		}
		return &r
	}
	isNew := func(r *storage.Record, of string) {
		if v := r.Decoded(); v != nil {
			f.Errorf("beside the Data of %s is %v, which was decoded from other Data", of, v)
		}
	}
	f.save(f.record("other"))
	first := f.save(f.record("a"))
	isNew(&first, "a new record")
	first.SetDecoded("first")
	if v := load("a").Decoded(); v != nil && v != "first" {
		f.Errorf("Load returns %v as decoded, not what was set", v)
	}
	isNew(load("other"), "another record")

	next := *load("a")
	next.Data = letters("b")
	next = f.save(next)
	isNew(&next, "a version that Save has returned")
	isNew(load("a"), "the next version")
	next.SetDecoded("next")
	if v := load("a").Decoded(); v != nil && v != "next" {
		f.Errorf("Load returns %v as decoded, not what was set", v)
	}
	if v := first.Decoded(); v != nil && v != "first" {
		f.Errorf("what was decoded from the first version is now %v", v)
	}
	moved := *load("a")
	moved.Subject, moved.SID = "another subject", "another sid"
	moved = f.save(moved)
	isNew(&moved, "a version with another subject")
	isNew(load("a"), "a version with another subject")

	f.remove(*load("a"))
	r := *load("other")
	r.ID, r.Revision = "a", 0
	f.save(r)
	isNew(load("a"), "a record created anew")
}
