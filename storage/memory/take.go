package memory

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// taker says what becomes of an entry that is about to be removed. Its error
// keeps the entry where it is.
type taker[T any] func(e *entry, now time.Time) (T, error)

func asRecord(e *entry, _ time.Time) (storage.Record, error) { return e.record, nil }

// take removes the live record under id. hint is its entry, or one that was, and
// then m must select the record; or nil. All is done under the lock of the shard, so that a
// record and its revocation change places in one step.
func take[T any](s *Store, id string, hint *entry, m storage.Match, become taker[T]) (taken T, err error) {
	var sh *shard
	if hint != nil {
		sh = &s.shards[hint.shard]
	} else {
		sh = s.shard(id)
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now()
	e := sh.entry(id, hint)
	if e == nil || expired(&e.record, now) || hint != nil && !matches(&e.record, m) {
		return taken, storage.ErrNotFound
	}
	if taken, err = become(e, now); err != nil {
		return taken, err
	}
	s.drop(sh, e)
	s.sweep(sh, now)
	return taken, nil
}

// takeMatching takes every record that m selects. An error comes with what had
// been taken before it.
func takeMatching[T any](ctx context.Context, s *Store, m storage.Match, become taker[T]) ([]T, error) {
	var few [4]*entry
	entries, err := s.candidates(ctx, m, few[:0])
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, nil
	}
	all := make([]T, 0, len(entries))
	for _, e := range slices.Backward(entries) { // the last leaves a list most easily
		taken, err := take(s, e.record.ID, e, m, become)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return all, err
		}
		all = append(all, taken)
	}
	return all, nil
}

// candidates appends the entries that m may select to found. The index only
// proposes: what counts is the record as it is once its shard is locked.
func (s *Store) candidates(ctx context.Context, m storage.Match, found []*entry) ([]*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.SID == "" && m.Subject == "" {
		return nil, storage.ErrEmptyMatch
	}
	key := indexKey{tenant: s.tenants.known(m.Tenant), kind: m.Kind}
	if key.tenant == nil {
		return nil, nil
	}
	if m.SID != "" { // few sessions share one
		key.name = m.SID
		return s.sids.entries(key, found), nil
	}
	key.name = m.Subject
	return s.subjects.entries(key, found), nil
}

func matches(r *storage.Record, m storage.Match) bool {
	return m.Tenant == r.Tenant && m.Kind == r.Kind &&
		(m.Subject == "" || m.Subject == r.Subject) &&
		(m.SID == "" || m.SID == r.SID) &&
		(m.Except == "" || m.Except != r.ID)
}
