package memory

import (
	"hash/maphash"
	"sync"

	"github.com/passport-go/passport/storage"
)

type indexKind int

const (
	bySubject indexKind = iota
	bySID
)

// index finds the entries that share a key: they form a list, newest first. It
// is written to only under the lock of the entry's shard, and before that is
// released, so it is never behind the records.
type index struct {
	kind   indexKind
	seed   maphash.Seed
	shards [shardCount]indexShard
}

// indexShard is as big as two cache lines, so that no two locks share one.
type indexShard struct {
	mu    sync.Mutex
	heads map[indexKey]*entry
	_     [128 - 16]byte
}

// indexKey is what the entries of one list have in common.
type indexKey struct {
	tenant *tenant
	kind   storage.Kind
	name   string // a subject or a sid
}

// link is a place in the list of an index.
type link struct{ prev, next *entry }

func (x *index) init(kind indexKind) {
	x.kind = kind
	x.seed = maphash.MakeSeed()
	for i := range x.shards {
		x.shards[i].heads = make(map[indexKey]*entry)
	}
}

func (x *index) shard(key indexKey) *indexShard { return &x.shards[x.shardNumber(key)] }

func (x *index) shardNumber(key indexKey) uint8 {
	return uint8(maphash.String(x.seed, key.name) % shardCount)
}

// shardOf is the shard of an entry that is in the index, or about to be.
func (x *index) shardOf(e *entry) *indexShard { return &x.shards[e.indexed[x.kind]] }

func (x *index) key(e *entry) indexKey {
	return indexKey{tenant: e.tenant, kind: e.record.Kind, name: x.name(e)}
}

func (x *index) name(e *entry) string {
	if x.kind == bySID {
		return e.record.SID
	}
	return e.record.Subject
}

// add lists e, unless its name is empty.
func (x *index) add(e *entry) {
	key := x.key(e)
	if key.name == "" {
		return
	}
	e.indexed[x.kind] = x.shardNumber(key)
	sh := x.shardOf(e)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x.link(sh, nil, e, sh.heads[key])
}

// remove takes e out again.
func (x *index) remove(e *entry) {
	if x.name(e) == "" {
		return
	}
	sh := x.shardOf(e)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x.unlink(sh, e)
}

// enter adds e, which is to replace old and has its tenant and kind. It puts e in
// the place of old if they have the same name. Otherwise old stays until it is told to leave.
func (x *index) enter(old, e *entry) {
	name := x.name(e)
	if name != x.name(old) {
		x.add(e)
		return
	}
	if name == "" {
		return
	}
	e.indexed[x.kind] = old.indexed[x.kind]
	sh := x.shardOf(e)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	place := old.links[x.kind]
	old.links[x.kind] = link{}
	x.link(sh, place.prev, e, place.next)
}

// leave removes old, unless e is in its place.
func (x *index) leave(old, e *entry) {
	if x.name(old) != x.name(e) {
		x.remove(old)
	}
}

// link and unlink are for the holder of the lock of sh.

func (x *index) link(sh *indexShard, prev, e, next *entry) {
	e.links[x.kind] = link{prev, next}
	if next != nil {
		next.links[x.kind].prev = e
	}
	if prev != nil {
		prev.links[x.kind].next = e
		return
	}
	sh.heads[x.key(e)] = e
}

func (x *index) unlink(sh *indexShard, e *entry) {
	place := e.links[x.kind]
	e.links[x.kind] = link{}
	if place.next != nil {
		place.next.links[x.kind].prev = place.prev
	}
	switch {
	case place.prev != nil:
		place.prev.links[x.kind].next = place.next
	case place.next != nil:
		sh.heads[x.key(e)] = place.next
	default:
		delete(sh.heads, x.key(e))
	}
}

// walkBatch is how many entries of a long list are looked at before others,
// whom readers may be waiting for, are let in.
const walkBatch = 256

// entries appends those with that key to found. It misses none that is there
// all the time.
func (x *index) entries(key indexKey, found []*entry) []*entry {
	sh := x.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.heads[key]
	for n := 1; e != nil; n++ {
		if !e.isBookmark() {
			found = append(found, e)
		}
		if n%walkBatch == 0 {
			e = x.pause(sh, e)
			continue
		}
		e = e.links[x.kind].next
	}
	return found
}

// pause lets others at sh, and returns what follows e in the list then. A
// bookmark keeps the place, for e may be in another list by then, or in none.
func (x *index) pause(sh *indexShard, e *entry) (next *entry) {
	mark := newBookmark(x.key(e))
	x.link(sh, e, mark, e.links[x.kind].next)
	sh.mu.Unlock()
	sh.mu.Lock()
	next = mark.links[x.kind].next
	x.unlink(sh, mark)
	return next
}
