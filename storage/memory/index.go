package memory

import (
	"hash/maphash"
	"sync"
)

type indexKind int

const (
	bySubject indexKind = iota
	bySID
)

// notIndexed is the position of an entry that another has replaced.
const notIndexed = -1

// index finds the entries that share a key. It is written to only under the
// lock of the entry's shard, and before that is released, so it is never
// behind the records.
type index struct {
	kind   indexKind
	seed   maphash.Seed
	shards [shardCount]indexShard
}

type indexShard struct {
	mu   sync.Mutex
	sets map[string]set
}

func (x *index) init(kind indexKind) {
	x.kind = kind
	x.seed = maphash.MakeSeed()
	for i := range x.shards {
		x.shards[i].sets = make(map[string]set)
	}
}

func (x *index) shard(key string) *indexShard {
	return &x.shards[maphash.String(x.seed, key)%shardCount]
}

func (x *index) key(e *entry) string {
	if x.kind == bySID {
		return e.record.SID
	}
	return e.record.Subject
}

// add enters e, unless its key is empty.
func (x *index) add(e *entry) {
	key := x.key(e)
	if key == "" {
		return
	}
	sh := x.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.sets[key]
	e.indexed[x.kind] = s.len()
	s.append(e)
	sh.sets[key] = s
}

// replace enters e: in the place of old, if they have the same key.
func (x *index) replace(old, e *entry) {
	key := x.key(e)
	if key == "" || key != x.key(old) {
		x.add(e)
		return
	}
	sh := x.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.sets[key]
	e.indexed[x.kind], old.indexed[x.kind] = old.indexed[x.kind], notIndexed
	s.put(e.indexed[x.kind], e)
	sh.sets[key] = s
}

// remove takes e out, if it is in.
func (x *index) remove(e *entry) {
	key := x.key(e)
	if key == "" {
		return
	}
	sh := x.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	at := e.indexed[x.kind]
	if at == notIndexed {
		return
	}
	e.indexed[x.kind] = notIndexed
	s := sh.sets[key]
	if last := s.pop(); last != e {
		last.indexed[x.kind] = at
		s.put(at, last)
	}
	if s.len() == 0 {
		delete(sh.sets, key)
		return
	}
	sh.sets[key] = s
}

// entries returns those with that key.
func (x *index) entries(key string) []*entry {
	sh := x.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.sets[key]
	if s.first == nil {
		return nil
	}
	return append([]*entry{s.first}, s.rest...)
}

// set is a list of entries. The first stands in the map itself, because most
// sets have no second.
type set struct {
	first *entry
	rest  []*entry
}

func (s *set) len() int {
	if s.first == nil {
		return 0
	}
	return 1 + len(s.rest)
}

func (s *set) put(i int, e *entry) {
	if i == 0 {
		s.first = e
		return
	}
	s.rest[i-1] = e
}

func (s *set) append(e *entry) {
	if s.first == nil {
		s.first = e
		return
	}
	s.rest = append(s.rest, e)
}

func (s *set) pop() *entry {
	end := len(s.rest) - 1
	if end < 0 {
		e := s.first
		s.first = nil
		return e
	}
	e := s.rest[end]
	s.rest[end] = nil
	s.rest = s.rest[:end]
	return e
}
