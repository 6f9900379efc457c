package document

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// DeleteAndEnqueue implements storage.RevocationQueue. It returns
// storage.ErrConflict, and the record stays, if there is a revocation under its
// ID already.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	var enqueued storage.Revocation
	err := s.update(ctx, func(c *contents) error {
		r, err := c.remove(id)
		if err != nil {
			return err
		}
		enqueued, err = c.enqueue(r, lease)
		return err
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return enqueued, nil
}

// DeleteMatchingAndEnqueue implements storage.RevocationQueue. The records become
// revocations in one step; storage.ErrConflict as with DeleteAndEnqueue.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	var enqueued []storage.Revocation
	err := s.update(ctx, func(c *contents) error {
		removed, others, err := c.split(m)
		if err != nil {
			return err
		}
		c.records = others
		for _, r := range removed {
			d, err := c.enqueue(r, lease)
			if err != nil {
				return err
			}
			enqueued = append(enqueued, d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return enqueued, nil
}

// Enqueue implements storage.RevocationQueue.
func (s *Store) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := s.check(r); err != nil {
		return storage.Revocation{}, err
	}
	r.Expiry = instant(r.Expiry)
	var enqueued storage.Revocation
	err := s.update(ctx, func(c *contents) (err error) {
		enqueued, err = c.enqueue(r, lease)
		return err
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return enqueued, nil
}

// Claim implements storage.RevocationQueue.
func (s *Store) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	var claimed []storage.Revocation
	err := s.update(ctx, func(c *contents) error {
		claimed = c.claim(tenant, n, lease)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// CountRevocations implements storage.RevocationCounter.
func (s *Store) CountRevocations(ctx context.Context, tenant string) (storage.RevocationCount, error) {
	var n storage.RevocationCount
	c, err := s.read(ctx)
	if errors.Is(err, errDamaged) {
		return n, nil // it counts as empty
	}
	if err != nil {
		return n, err
	}
	for _, d := range c.revocations {
		if d.Record.Tenant != tenant {
			continue
		}
		n.Pending++
		if n.Oldest.IsZero() || d.Since.Before(n.Oldest) {
			n.Oldest = d.Since
		}
	}
	return n, nil
}

// Retry implements storage.RevocationQueue.
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return s.update(ctx, func(c *contents) error {
		i, err := c.leased(d)
		if err != nil {
			return err
		}
		c.revocations[i].Attempts++
		c.revocations[i].Due = instant(due)
		return nil
	})
}

// Complete implements storage.RevocationQueue.
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	return s.update(ctx, func(c *contents) error {
		i, err := c.leased(d)
		if err != nil {
			return err
		}
		c.revocations = slices.Delete(c.revocations, i, i+1)
		return nil
	})
}
