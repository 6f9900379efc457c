package bolt

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// DeleteAndEnqueue implements [storage.RevocationQueue]. If there is a revocation with
// that ID already, it returns storage.ErrConflict and keeps the record.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	var enqueued storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		r, err := t.live(id)
		if err != nil {
			return err
		}
		if t.isEnqueued(id) {
			return storage.ErrConflict
		}
		t.remove(r)
		enqueued = t.enqueue(r, lease)
		return nil
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return enqueued, nil
}

// DeleteMatchingAndEnqueue implements [storage.RevocationQueue]. It is as atomic as
// DeleteMatching, and returns storage.ErrConflict as DeleteAndEnqueue does.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	return oneByOneIfFull(func(most int) ([]storage.Revocation, error) { return s.deleteMatchingAndEnqueue(ctx, m, lease, most) })
}

func (s *Store) deleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration, most int) ([]storage.Revocation, error) {
	var enqueued []storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		enqueued = nil
		removed, err := t.matching(m, most)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(removed, func(r storage.Record) bool { return t.isEnqueued(r.ID) }) {
			return storage.ErrConflict
		}
		for _, r := range removed {
			t.remove(r)
			enqueued = append(enqueued, t.enqueue(r, lease))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return enqueued, nil
}

// Enqueue implements [storage.RevocationQueue].
func (s *Store) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := check(r); err != nil {
		return storage.Revocation{}, err
	}
	r.Expiry = stored(r.Expiry)
	var enqueued storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		if t.isEnqueued(r.ID) {
			return storage.ErrConflict
		}
		enqueued = t.enqueue(r, lease)
		return nil
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return enqueued, nil
}

func (t *tx) isEnqueued(id string) bool { return t.Bucket(t.revocations).Get([]byte(id)) != nil }

func (t *tx) enqueue(r storage.Record, lease time.Duration) storage.Revocation {
	d := storage.Revocation{Record: r, Since: stored(t.now), Due: stored(t.now.Add(lease))}
	t.putRevocation(storage.Revocation{}, d)
	return d
}

// Claim implements [storage.RevocationQueue].
func (s *Store) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	if n <= 0 {
		return nil, nil
	}
	var claimed []storage.Revocation
	err := s.write(ctx, func(t *tx) error {
		claimed = nil
		prefix := duePrefix(tenant)
		for _, key := range t.past(t.dues, prefix, n) {
			if d, ok := t.claim(key, len(prefix), lease); ok {
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

// claim leases the revocation that the key names after its prefix. It removes a
// damaged one, which would otherwise stay first in the queue for ever.
func (t *tx) claim(key []byte, prefix int, lease time.Duration) (storage.Revocation, bool) {
	_, id, _ := timeOf(key[prefix:])
	old, err := t.revocation(string(id))
	if err != nil {
		t.delete(t.dues, key)
		t.delete(t.revocations, id)
		return storage.Revocation{}, false
	}
	d := old
	d.Due = stored(t.now.Add(lease))
	t.putRevocation(old, d)
	return d, true
}

// CountRevocations implements [storage.RevocationCounter]. It reads the whole queue.
func (s *Store) CountRevocations(ctx context.Context, tenant string) (storage.RevocationCount, error) {
	if err := s.ready(ctx); err != nil {
		return storage.RevocationCount{}, err
	}
	var n storage.RevocationCount
	err := s.view(func(t *tx) error {
		prefix := duePrefix(tenant)
		t.scan(t.dues, prefix, func(key []byte) bool {
			rest, ok := bytes.CutPrefix(key, prefix)
			if !ok || ctx.Err() != nil {
				return false
			}
			n.Pending++
			_, id, _ := timeOf(rest)
			if d, err := t.revocation(string(id)); err == nil && (n.Oldest.IsZero() || d.Since.Before(n.Oldest)) {
				n.Oldest = d.Since
			}
			return true
		})
		return ctx.Err()
	})
	if err != nil {
		return storage.RevocationCount{}, err
	}
	return n, nil
}

// Retry implements [storage.RevocationQueue].
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return s.write(ctx, func(t *tx) error {
		old, err := t.leased(d)
		if err != nil {
			return err
		}
		retried := old
		retried.Attempts++
		retried.Due = stored(due)
		t.putRevocation(old, retried)
		return nil
	})
}

// Complete implements [storage.RevocationQueue].
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	return s.write(ctx, func(t *tx) error {
		old, err := t.leased(d)
		if err != nil {
			return err
		}
		t.removeRevocation(old)
		return nil
	})
}

// leased returns the stored revocation if the caller still holds its lease.
func (t *tx) leased(d storage.Revocation) (storage.Revocation, error) {
	now, err := t.revocation(d.Record.ID)
	if err != nil {
		return storage.Revocation{}, err
	}
	if now.Record.Tenant != d.Record.Tenant {
		return storage.Revocation{}, storage.ErrNotFound
	}
	if !now.Due.Equal(stored(d.Due)) {
		return storage.Revocation{}, storage.ErrConflict
	}
	return now, nil
}
