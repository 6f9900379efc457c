package memory

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/passport-go/passport/storage"
)

// shardCount keeps the cores out of each other's way, and each map and queue
// so small that its growth is no pause.
const shardCount = 256 // as many as a byte counts

// sweepsPerWrite is above 1, so that records are swept faster than they are
// written, and no more than that, because a reader may wait for it.
const sweepsPerWrite = 2

// entry is a stored record. It is guarded by the lock of its shard, but for ID,
// Tenant, Kind, Subject, SID, tenant and shard, which never change, and the places in the indexes,
// which belong to those.
type entry struct {
	record  storage.Record
	tenant  *tenant
	queued  int32    // position in the shard's queue
	shard   uint8    // the number of its shard, so that it is not hashed again,
	indexed [2]uint8 // and of its shards in the indexes, by indexKind
	links   [2]link  // places in the lists there

	// As a revocation, guarded by the lock of the queue.
	since    int64 // when it was enqueued, in milliseconds since 1970
	attempts int32 // how often it was retried
	pending  int32 // position in tenant.due
}

func (e *entry) moved(to int) { e.queued = int32(to) }

// newBookmark returns an entry that keeps a place in an index, and is none
// otherwise: a record has an ID.
func newBookmark(key indexKey) *entry {
	return &entry{record: storage.Record{Kind: key.kind, Subject: key.name, SID: key.name}, tenant: key.tenant}
}

func (e *entry) isBookmark() bool { return e.record.ID == "" }

// shard is as big as two cache lines, so that no two locks share one.
type shard struct {
	mu      sync.RWMutex
	entries map[string]*entry
	expiry  heap[*entry]
	_       [128 - 56]byte
}

func (s *Store) shard(id string) *shard { return &s.shards[s.shardNumber(id)] }

func (s *Store) shardNumber(id string) uint8 {
	return uint8(maphash.String(s.seed, id) % shardCount)
}

// entry returns what is stored under id. That is hint, which saves the lookup,
// unless hint is nil or has been replaced or removed.
func (sh *shard) entry(id string, hint *entry) *entry {
	if hint == nil || hint.queued == notQueued {
		return sh.entries[id]
	}
	return hint
}

func expired(r *storage.Record, now time.Time) bool { return !now.Before(r.Expiry) }

// insert, update and drop keep map, queue and indexes in step. The caller holds
// the lock of sh.

func (s *Store) insert(sh *shard, e *entry) {
	sh.entries[e.record.ID] = e
	sh.expiry.push(e.record.Expiry.UnixMilli(), e)
	s.subjects.add(e)
	s.sids.add(e)
}

func (s *Store) update(sh *shard, e *entry, r storage.Record) {
	if e.record.Subject != r.Subject || e.record.SID != r.SID {
		e = s.reindex(sh, e, r)
	}
	if !e.record.Expiry.Equal(r.Expiry) {
		sh.expiry.move(int(e.queued), r.Expiry.UnixMilli())
	}
	e.record.Revision, e.record.Expiry, e.record.Data = r.Revision, r.Expiry, r.Data
	e.record.KeepDecodedOf(&r)
}

// reindex replaces old by an entry with the keys of r. That one enters the
// indexes before old leaves them: were a record under neither its old keys nor
// its new ones for a moment, two logouts in a row could both miss it.
func (s *Store) reindex(sh *shard, old *entry, r storage.Record) *entry {
	e := &entry{record: old.record, tenant: old.tenant, shard: old.shard}
	e.record.Subject, e.record.SID = r.Subject, r.SID
	sh.entries[r.ID] = e
	sh.expiry.replace(int(old.queued), e)
	s.subjects.enter(old, e)
	s.sids.enter(old, e)
	s.subjects.leave(old, e)
	s.sids.leave(old, e)
	return e
}

func (s *Store) drop(sh *shard, e *entry) {
	delete(sh.entries, e.record.ID)
	sh.expiry.remove(int(e.queued))
	s.subjects.remove(e)
	s.sids.remove(e)
	e.tenant.count.Add(-1)
}

// reserve takes room for one record of t, if there is any.
func (s *Store) reserve(t *tenant) bool {
	for {
		n := t.count.Load()
		if n >= s.limit {
			return false
		}
		if t.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// sweep drops a few records of sh that have expired. The caller holds its lock.
func (s *Store) sweep(sh *shard, now time.Time) (swept int) {
	for swept < sweepsPerWrite {
		e, ok := sh.expiry.first(now.UnixMilli())
		if !ok || !expired(&e.record, now) { // by less than a millisecond
			break
		}
		s.drop(sh, e)
		swept++
	}
	return swept
}

// sweepAny sweeps the first shard that has something to sweep, and reports
// whether there was one. It holds one shard at a time.
func (s *Store) sweepAny() bool {
	now := s.now()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		swept := s.sweep(sh, now)
		sh.mu.Unlock()
		if swept > 0 {
			return true
		}
	}
	return false
}
