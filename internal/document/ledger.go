package document

import (
	"context"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// DeleteAndEnqueue implements storage.RevocationQueue. It returns storage.ErrConflict, and the
// record stays, if there is a debt under its ID already.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	var owed storage.Revocation
	err := s.update(ctx, func(c *contents) error {
		r, err := c.remove(id)
		if err != nil {
			return err
		}
		owed, err = c.owe(r, hold)
		return err
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return owed, nil
}

// DeleteMatchingAndEnqueue implements storage.RevocationQueue. The records become debts all
// together; storage.ErrConflict as with DeleteAndEnqueue.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Revocation, error) {
	var owed []storage.Revocation
	err := s.update(ctx, func(c *contents) error {
		removed, others, err := c.split(m)
		if err != nil {
			return err
		}
		c.records = others
		for _, r := range removed {
			d, err := c.owe(r, hold)
			if err != nil {
				return err
			}
			owed = append(owed, d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return owed, nil
}

// Enqueue implements storage.RevocationQueue.
func (s *Store) Enqueue(ctx context.Context, r storage.Record, hold time.Duration) (storage.Revocation, error) {
	if err := s.check(r); err != nil {
		return storage.Revocation{}, err
	}
	r.Expiry = instant(r.Expiry)
	var owed storage.Revocation
	err := s.update(ctx, func(c *contents) (err error) {
		owed, err = c.owe(r, hold)
		return err
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	return owed, nil
}

// Claim implements storage.RevocationQueue.
func (s *Store) Claim(ctx context.Context, n int, hold time.Duration) ([]storage.Revocation, error) {
	var claimed []storage.Revocation
	err := s.update(ctx, func(c *contents) error {
		claimed = c.claim(n, hold)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Retry implements storage.RevocationQueue.
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return s.update(ctx, func(c *contents) error {
		i, err := c.held(d)
		if err != nil {
			return err
		}
		c.debts[i].Attempts++
		c.debts[i].Due = instant(due)
		return nil
	})
}

// Complete implements storage.RevocationQueue.
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	return s.update(ctx, func(c *contents) error {
		i, err := c.held(d)
		if err != nil {
			return err
		}
		c.debts = slices.Delete(c.debts, i, i+1)
		return nil
	})
}
