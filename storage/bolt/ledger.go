package bolt

import (
	"context"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// DeleteAndEnqueue implements [storage.RevocationQueue]. It returns storage.ErrConflict, and
// the record stays, if there is a debt under its ID already.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	var owed storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		r, err := t.live(id)
		if err != nil {
			return err
		}
		if t.owes(id) {
			return storage.ErrConflict
		}
		t.remove(r)
		owed = t.owe(r, hold)
		return nil
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return owed, nil
}

// DeleteMatchingAndEnqueue implements [storage.RevocationQueue]. The records become debts in
// one step, all or none, or one by one as with DeleteMatching;
// storage.ErrConflict as with DeleteAndEnqueue.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Revocation, error) {
	return oneByOneIfFull(func(most int) ([]storage.Revocation, error) { return s.deleteMatchingOwing(ctx, m, hold, most) })
}

func (s *Store) deleteMatchingOwing(ctx context.Context, m storage.Match, hold time.Duration, most int) ([]storage.Revocation, error) {
	var owed []storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		owed = nil
		removed, err := t.matching(m, most)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(removed, func(r storage.Record) bool { return t.owes(r.ID) }) {
			return storage.ErrConflict
		}
		for _, r := range removed {
			t.remove(r)
			owed = append(owed, t.owe(r, hold))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return owed, nil
}

// Enqueue implements [storage.RevocationQueue].
func (s *Store) Enqueue(ctx context.Context, r storage.Record, hold time.Duration) (storage.Revocation, error) {
	if err := check(r); err != nil {
		return storage.Revocation{}, err
	}
	r.Expiry = stored(r.Expiry)
	var owed storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		if t.owes(r.ID) {
			return storage.ErrConflict
		}
		owed = t.owe(r, hold)
		return nil
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return owed, nil
}

func (t *tx) owes(id string) bool { return t.Bucket(t.debts).Get([]byte(id)) != nil }

func (t *tx) owe(r storage.Record, hold time.Duration) storage.Revocation {
	d := storage.Revocation{Record: r, Since: stored(t.now), Due: stored(t.now.Add(hold))}
	t.putDebt(storage.Revocation{}, d)
	return d
}

// Claim implements [storage.RevocationQueue].
func (s *Store) Claim(ctx context.Context, n int, hold time.Duration) ([]storage.Revocation, error) {
	if n <= 0 {
		return nil, nil
	}
	var claimed []storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		claimed = nil
		for _, key := range t.past(t.dues, n) {
			if d, ok := t.claim(key, hold); ok {
				claimed = append(claimed, d)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// claim holds the debt that the key leads to. One that is damaged would stand
// first in the line for ever, so it goes.
func (t *tx) claim(key []byte, hold time.Duration) (storage.Revocation, bool) {
	_, id, _ := timeOf(key)
	old, err := t.debt(string(id))
	if err != nil {
		t.delete(t.dues, key)
		t.delete(t.debts, id)
		return storage.Revocation{}, false
	}
	d := old
	d.Due = stored(t.now.Add(hold))
	t.putDebt(old, d)
	return d, true
}

// Retry implements [storage.RevocationQueue].
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return s.write(ctx, func(t *tx) error {
		old, err := t.held(d)
		if err != nil {
			return err
		}
		postponed := old
		postponed.Attempts++
		postponed.Due = stored(due)
		t.putDebt(old, postponed)
		return nil
	})
}

// Complete implements [storage.RevocationQueue].
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	return s.write(ctx, func(t *tx) error {
		old, err := t.held(d)
		if err != nil {
			return err
		}
		t.removeDebt(old)
		return nil
	})
}

// held returns the debt as it is stored, if it is still the caller's.
func (t *tx) held(d storage.Revocation) (storage.Revocation, error) {
	now, err := t.debt(d.Record.ID)
	if err != nil {
		return storage.Revocation{}, err
	}
	if !now.Due.Equal(stored(d.Due)) {
		return storage.Revocation{}, storage.ErrConflict
	}
	return now, nil
}
