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

// add, change and remove ignore the empty key: it is not indexed.

func (x *index) add(key string, e *entry) {
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

func (x *index) change(from, to string, e *entry) {
	if from == to {
		return
	}
	x.remove(from, e)
	x.add(to, e)
}

func (x *index) remove(key string, e *entry) {
	if key == "" {
		return
	}
	sh := x.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.sets[key]
	last := s.pop()
	if s.len() == 0 {
		delete(sh.sets, key)
		return
	}
	if last != e {
		at := e.indexed[x.kind]
		s.put(at, last)
		last.indexed[x.kind] = at
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
