package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/passport-go/passport/storage"
)

// reference is the simplest possible implementation of the contract: two maps, one lock,
// and an index in which a record may still stand under the names that it had. Random calls
// compare a store with it.
type reference struct {
	now func() time.Time

	mu          sync.Mutex
	records     map[string]storage.Record
	names       map[name]map[string]bool // the IDs of the records that have, or had, a name
	revocations map[string]storage.Revocation
}

// name is what a record is indexed by.
type name struct{ of, text string }

func newReference(now func() time.Time) *reference {
	return &reference{now: now, records: map[string]storage.Record{}, names: map[name]map[string]bool{}, revocations: map[string]storage.Revocation{}}
}

// put stores r and indexes it.
func (s *reference) put(r storage.Record) {
	s.records[r.ID] = r
	for _, n := range []name{{"subject", r.Subject}, {"sid", r.SID}} {
		if s.names[n] == nil {
			s.names[n] = map[string]bool{}
		}
		s.names[n][r.ID] = true
	}
}

func (s *reference) Load(ctx context.Context, id string) (storage.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	return s.live(id)
}

func (s *reference) live(id string) (storage.Record, error) {
	r, ok := s.records[id]
	if !ok || !s.now().Before(r.Expiry) {
		return storage.Record{}, storage.ErrNotFound
	}
	return r, nil
}

func (s *reference) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	if r.ID == "" || !s.now().Before(r.Expiry) {
		return storage.Record{}, errors.New("reference: no ID, or expired")
	}
	if err := storage.CheckScope(&r); err != nil {
		return storage.Record{}, err
	}
	stored, err := s.live(r.ID)
	if err != nil && r.Revision != 0 {
		return storage.Record{}, err
	}
	if stored.Revision != r.Revision || err == nil && (stored.Tenant != r.Tenant || stored.Kind != r.Kind) {
		return storage.Record{}, storage.ErrConflict
	}
	r.Revision++
	r.Data = slices.Clip(bytes.Clone(r.Data))
	r.KeepDecoded()
	s.put(r)
	return r, nil
}

func (s *reference) Delete(ctx context.Context, id string) (storage.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	r, err := s.live(id)
	delete(s.records, id)
	return r, err
}

func (s *reference) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.matching(ctx, m)
	for _, r := range found {
		delete(s.records, r.ID)
	}
	return found, err
}

func (s *reference) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.matching(ctx, m)
}

func (s *reference) matching(ctx context.Context, m storage.Match) (found []storage.Record, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.Subject == "" && m.SID == "" {
		return nil, storage.ErrEmptyMatch
	}
	n := name{"subject", m.Subject}
	if m.Subject == "" {
		n = name{"sid", m.SID}
	}
	for id := range s.names[n] {
		r, err := s.live(id)
		switch {
		case err != nil:
			delete(s.names[n], id)
		case selects(m, r):
			found = append(found, r)
		}
	}
	return found, nil
}

func selects(m storage.Match, r storage.Record) bool {
	return m.Tenant == r.Tenant && m.Kind == r.Kind && (m.Subject == "" || m.Subject == r.Subject) && (m.SID == "" || m.SID == r.SID) && m.Except != r.ID
}

func (s *reference) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	r, err := s.live(id)
	if err != nil {
		return storage.Revocation{}, err
	}
	delete(s.records, id)
	return s.enqueue(r, lease), nil
}

func (s *reference) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) (enqueued []storage.Revocation, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.matching(ctx, m)
	for _, r := range found {
		delete(s.records, r.ID)
		enqueued = append(enqueued, s.enqueue(r, lease))
	}
	return enqueued, err
}

func (s *reference) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	if r.ID == "" {
		return storage.Revocation{}, errors.New("reference: no ID")
	}
	if err := storage.CheckScope(&r); err != nil {
		return storage.Revocation{}, err
	}
	if _, ok := s.revocations[r.ID]; ok {
		return storage.Revocation{}, storage.ErrConflict
	}
	r.Data = slices.Clip(bytes.Clone(r.Data))
	return s.enqueue(r, lease), nil
}

func (s *reference) enqueue(r storage.Record, lease time.Duration) storage.Revocation {
	d := storage.Revocation{Record: r, Since: s.now(), Due: s.now().Add(lease)}
	s.revocations[r.ID] = d
	return d
}

func (s *reference) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	return s.claimLike(ctx, tenant, n, lease, nil)
}

// claimLike is Claim, but of revocations with the same Due it prefers those in liked.
func (s *reference) claimLike(ctx context.Context, tenant string, n int, lease time.Duration, liked []storage.Revocation) ([]storage.Revocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	due := s.due(tenant, liked)
	due = due[:min(n, len(due))]
	for i := range due {
		due[i].Due = s.now().Add(lease)
		s.revocations[due[i].Record.ID] = due[i]
	}
	return due, nil
}

// due returns the revocations of tenant that may be claimed, the oldest Due first.
func (s *reference) due(tenant string, liked []storage.Revocation) (due []storage.Revocation) {
	for _, d := range s.revocations {
		if d.Record.Tenant == tenant && !d.Due.After(s.now()) {
			due = append(due, d)
		}
	}
	rank := func(d storage.Revocation) int {
		if slices.ContainsFunc(liked, func(l storage.Revocation) bool { return l.Record.ID == d.Record.ID }) {
			return 0
		}
		return 1
	}
	slices.SortFunc(due, func(a, b storage.Revocation) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(rank(a), rank(b)))
	})
	return due
}

func (s *reference) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.leased(ctx, d)
	if err != nil {
		return err
	}
	stored.Attempts++
	stored.Due = due
	s.revocations[d.Record.ID] = stored
	return nil
}

func (s *reference) Complete(ctx context.Context, d storage.Revocation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.leased(ctx, d)
	if err != nil {
		return err
	}
	delete(s.revocations, d.Record.ID)
	return nil
}

func (s *reference) CountRevocations(ctx context.Context, tenant string) (n storage.RevocationCount, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.revocations {
		if d.Record.Tenant != tenant {
			continue
		}
		n.Pending++
		if n.Oldest.IsZero() || d.Since.Before(n.Oldest) {
			n.Oldest = d.Since
		}
	}
	return n, ctx.Err()
}

func (s *reference) leased(ctx context.Context, d storage.Revocation) (storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	stored, ok := s.revocations[d.Record.ID]
	if !ok || stored.Record.Tenant != d.Record.Tenant {
		return storage.Revocation{}, storage.ErrNotFound
	}
	if !stored.Due.Equal(d.Due) {
		return storage.Revocation{}, storage.ErrConflict
	}
	return stored, nil
}
