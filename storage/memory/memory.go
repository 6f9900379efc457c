// Package memory keeps records in the memory of the process: the default store, and
// the fastest. Its records are lost with the process, and other instances do not
// see them.
//
// A lookup is one map lookup, and the cost of a logout by subject or sid does not
// depend on the number of other sessions. The store is bounded, starts no goroutine
// and needs no closing: writes remove expired records, a few at a time. No lock
// covers the whole store.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// DefaultLimit is the default number of records, and of revocations, that a store
// keeps for each tenant: about 300 MB of sessions with tokens of the usual size
// (2.6 KB).
const DefaultLimit = 100_000

// Options configure a Store. The zero Options are ready to use.
type Options struct {
	// Limit is the maximum number of records per tenant. Expired ones count until
	// they are removed, which happens before a new one is refused. Further records
	// fail with storage.ErrFull. It counts records, not bytes. 0 means
	// DefaultLimit; negative means no limit.
	Limit int

	// RevocationLimit is the maximum number of pending revocations per tenant. At
	// the limit, Enqueue, DeleteAndEnqueue and DeleteMatchingAndEnqueue fail with
	// storage.ErrFull and leave the record where it is; Delete and DeleteMatching
	// still remove it. 0 means DefaultLimit; negative means no limit.
	RevocationLimit int

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Store is a storage.TokenStore, storage.Lister, storage.RevocationQueue and
// storage.RevocationCounter in memory. It is safe for concurrent use.
type Store struct {
	now     func() time.Time
	limit   int64
	tenants tenants
	seed    maphash.Seed
	shards  [shardCount]shard
	// Lock order: a shard, then one index shard or the queue. Nobody holds
	// two shards, or two of what comes after, at once.
	subjects index
	sids     index
	queue    queue
}

// New returns an empty store.
func New(o Options) *Store {
	s := &Store{
		now:   o.Now,
		limit: bound(o.Limit),
		seed:  maphash.MakeSeed(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	for i := range s.shards {
		s.shards[i].entries = make(map[string]*entry)
	}
	s.tenants.init()
	s.subjects.init(bySubject)
	s.sids.init(bySID)
	s.queue.init(bound(o.RevocationLimit))
	return s
}

func bound(limit int) int64 {
	switch {
	case limit == 0:
		return DefaultLimit
	case limit < 0:
		return 1<<63 - 1
	}
	return int64(limit)
}

// Load implements storage.TokenStore. It allocates nothing: Data, and what was decoded
// from it, are shared.
func (s *Store) Load(ctx context.Context, id string) (storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	return s.load(id)
}

func (s *Store) load(id string) (storage.Record, error) {
	// The clock is read first, and outside the lock: a record that is found
	// live by it was there, and live, at some moment since.
	now := s.now()
	sh := s.shard(id)
	sh.mu.RLock()
	e := sh.entries[id]
	if e == nil {
		sh.mu.RUnlock()
		return storage.Record{}, storage.ErrNotFound
	}
	r := e.record
	sh.mu.RUnlock()
	if expired(&r, now) {
		return storage.Record{}, storage.ErrNotFound
	}
	return r, nil
}

// Save implements storage.TokenStore. Creating a record at the limit fails with
// storage.ErrFull; replacing one never does.
func (s *Store) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	if err := validate(&r); err != nil {
		return storage.Record{}, err
	}
	if expired(&r, s.now()) {
		return storage.Record{}, errors.New("storage/memory: Record.Expiry is not in the future")
	}
	r.Data = clone(r.Data)
	r.KeepDecoded()
	r.Expiry = r.Expiry.Round(0) // absolute: by the wall clock alone
	if r.Revision != 0 {
		return s.replace(r)
	}
	r.Revision = 1
	// Allocated before the lock is taken: the collector may ask for help.
	e := &entry{record: r, tenant: s.tenants.of(r.Tenant), shard: s.shardNumber(r.ID)}
	e.record.Tenant = e.tenant.name // one copy for all
	for {
		err := s.create(e)
		if err == nil {
			return r, nil
		}
		if !errors.Is(err, storage.ErrFull) || !s.sweepAny() {
			return storage.Record{}, err
		}
	}
}

func validate(r *storage.Record) error {
	if r.ID == "" {
		return errors.New("storage/memory: Record.ID is empty")
	}
	return storage.CheckScope(r)
}

// clone leaves no spare capacity, so that whoever appends to the Data of a
// Record does not write into that of the next.
func clone(data []byte) []byte { return slices.Clip(bytes.Clone(data)) }

func (s *Store) create(e *entry) error {
	sh := &s.shards[e.shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// Writers read the clock under the lock: once somebody has been told that a
	// record has expired, nobody with an older time may come and extend it.
	now := s.now()
	if old := sh.entries[e.record.ID]; old != nil {
		if !expired(&old.record, now) {
			return storage.ErrConflict
		}
		s.drop(sh, old)
	}
	s.sweep(sh, now)
	if !s.reserve(e.tenant) {
		return fmt.Errorf("storage/memory: %w: it holds %d records of the tenant, which is its Options.Limit", storage.ErrFull, s.limit)
	}
	s.insert(sh, e)
	return nil
}

func (s *Store) replace(r storage.Record) (storage.Record, error) {
	sh := s.shard(r.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now()
	e := sh.entries[r.ID]
	if e == nil || expired(&e.record, now) {
		return storage.Record{}, storage.ErrNotFound
	}
	if e.record.Revision != r.Revision || e.record.Tenant != r.Tenant || e.record.Kind != r.Kind {
		return storage.Record{}, storage.ErrConflict
	}
	r.Revision++
	s.update(sh, e, r)
	s.sweep(sh, now)
	return r, nil
}

// Delete implements storage.TokenStore.
func (s *Store) Delete(ctx context.Context, id string) (storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	return take(s, id, nil, storage.Match{}, asRecord)
}

// DeleteMatching implements storage.TokenStore.
func (s *Store) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return takeMatching(ctx, s, m, asRecord)
}

// List implements storage.Lister.
func (s *Store) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	var few [4]*entry
	entries, err := s.candidates(ctx, m, few[:0])
	if err != nil {
		return nil, err
	}
	var found []storage.Record
	for _, e := range entries {
		r, err := s.load(e.record.ID)
		if err == nil && matches(&r, m) {
			found = append(found, r)
		}
	}
	return found, nil
}
