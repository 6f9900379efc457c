// Package memory keeps records in the memory of the process: the default store,
// and the fastest. It ends with the process, and no other instance sees it.
//
// A lookup costs one map lookup, and a logout by subject or sid costs the same
// however many other sessions live. The store is bounded, starts no goroutine
// and needs no closing: writes sweep away what has expired, a few records at a
// time. There is no lock over the whole store.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/storage"
)

// DefaultLimit is how many records, and beside them how many debts, a store
// holds unless its Options say otherwise: some 300 MB of sessions with tokens
// of the usual size (2.6 KB).
const DefaultLimit = 100_000

// Options configure a Store. The zero Options are ready to use.
type Options struct {
	// Limit is the number of records the store holds at most: expired ones
	// count until they are swept, but are swept before one more is refused.
	// What would go beyond fails with storage.ErrFull. It counts records, not
	// bytes. 0 means DefaultLimit; negative means no limit.
	Limit int

	// DebtLimit is the same for the debts of the ledger. At the limit, Owe,
	// DeleteOwing and DeleteMatchingOwing fail with storage.ErrFull and leave
	// the record where it is; Delete and DeleteMatching still remove it.
	// 0 means DefaultLimit; negative means no limit.
	DebtLimit int

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Store is a storage.TokenStore, storage.Lister and storage.Ledger in memory.
// It is safe for concurrent use.
type Store struct {
	now    func() time.Time
	limit  int64
	count  atomic.Int64 // of records, the expired included
	seed   maphash.Seed
	shards [shardCount]shard
	// Lock order: a shard, then one index shard or the ledger. Nobody holds
	// two shards, or two of what comes after, at once.
	subjects index
	sids     index
	ledger   ledger
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
	s.subjects.init(bySubject)
	s.sids.init(bySID)
	s.ledger.init(bound(o.DebtLimit))
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

// Load implements storage.TokenStore. It allocates nothing: Data is shared.
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
	if err := validate(&r, s.now()); err != nil {
		return storage.Record{}, err
	}
	r.Data = clone(r.Data)
	r.Expiry = r.Expiry.Round(0) // absolute: by the wall clock alone
	if r.Revision != 0 {
		return s.replace(r)
	}
	for {
		saved, err := s.create(r)
		if !errors.Is(err, storage.ErrFull) || !s.sweepAny() {
			return saved, err
		}
	}
}

func validate(r *storage.Record, now time.Time) error {
	if r.ID == "" {
		return errors.New("storage/memory: Record.ID is empty")
	}
	if expired(r, now) {
		return errors.New("storage/memory: Record.Expiry is not in the future")
	}
	return nil
}

// clone leaves no spare capacity, so that whoever appends to the Data of a
// Record does not write into that of the next.
func clone(data []byte) []byte {
	data = bytes.Clone(data)
	return data[:len(data):len(data)]
}

func (s *Store) create(r storage.Record) (storage.Record, error) {
	sh := s.shard(r.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now()
	if e := sh.entries[r.ID]; e != nil {
		if !expired(&e.record, now) {
			return storage.Record{}, storage.ErrConflict
		}
		s.drop(sh, e)
	}
	s.sweep(sh, now)
	if !s.reserve() {
		return storage.Record{}, fmt.Errorf("%w: %d records; Options.Limit of storage/memory allows no more", storage.ErrFull, s.limit)
	}
	r.Revision = 1
	s.insert(sh, &entry{record: r})
	return r, nil
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
	if e.record.Revision != r.Revision {
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
	var removed storage.Record
	err := s.take(id, func(e *entry) error {
		removed = e.record
		return nil
	})
	return removed, err
}

// DeleteMatching implements storage.TokenStore.
func (s *Store) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	var removed []storage.Record
	err := s.takeMatching(ctx, m, func(e *entry) error {
		removed = append(removed, e.record)
		return nil
	})
	return removed, err
}

// take removes the live record under id, once do has agreed.
func (s *Store) take(id string, do func(*entry) error) error {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return s.takeFrom(sh, sh.entries[id], storage.Match{}, do)
}

// takeFrom removes e, if it is live and m selects it, once do has agreed. The
// caller holds the lock of sh, so that a record and its debt change places in
// one step.
func (s *Store) takeFrom(sh *shard, e *entry, m storage.Match, do func(*entry) error) error {
	now := s.now()
	if e == nil || expired(&e.record, now) || !matches(&e.record, m) {
		return storage.ErrNotFound
	}
	if err := do(e); err != nil {
		return err
	}
	s.drop(sh, e)
	s.sweep(sh, now)
	return nil
}

func (s *Store) takeMatching(ctx context.Context, m storage.Match, do func(*entry) error) error {
	var few [4]*entry
	entries, err := s.candidates(ctx, m, few[:0])
	if err != nil {
		return err
	}
	for _, e := range entries {
		err := s.takeMatch(e, m, do)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (s *Store) takeMatch(e *entry, m storage.Match, do func(*entry) error) error {
	sh := s.shard(e.record.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return s.takeFrom(sh, sh.current(e), m, do)
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

// candidates appends the entries that m may select to found. The index only
// proposes: what counts is the record as it is once its shard is locked.
func (s *Store) candidates(ctx context.Context, m storage.Match, found []*entry) ([]*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.SID != "" { // few sessions share one
		return s.sids.entries(m.SID, found), nil
	}
	if m.Subject != "" {
		return s.subjects.entries(m.Subject, found), nil
	}
	return nil, storage.ErrEmptyMatch
}

func matches(r *storage.Record, m storage.Match) bool {
	return (m.Subject == "" || m.Subject == r.Subject) &&
		(m.SID == "" || m.SID == r.SID) &&
		(m.Except == "" || m.Except != r.ID)
}
