package document

import (
	"context"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// DeleteOwing implements storage.Ledger. It returns storage.ErrConflict, and the
// record stays, if there is a debt under its ID already.
func (s *Store) DeleteOwing(ctx context.Context, id string, hold time.Duration) (storage.Debt, error) {
	var owed storage.Debt
	err := s.update(ctx, func(c *contents) error {
		r, err := c.remove(id)
		if err != nil {
			return err
		}
		owed, err = c.owe(r, hold)
		return err
	})
	if err != nil {
		return storage.Debt{}, err
	}
	return owed, nil
}

// DeleteMatchingOwing implements storage.Ledger. The records become debts all
// together; storage.ErrConflict as with DeleteOwing.
func (s *Store) DeleteMatchingOwing(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Debt, error) {
	var owed []storage.Debt
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

// Owe implements storage.Ledger.
func (s *Store) Owe(ctx context.Context, r storage.Record, hold time.Duration) (storage.Debt, error) {
	if err := s.check(r); err != nil {
		return storage.Debt{}, err
	}
	r.Expiry = instant(r.Expiry)
	var owed storage.Debt
	err := s.update(ctx, func(c *contents) (err error) {
		owed, err = c.owe(r, hold)
		return err
	})
	if err != nil {
		return storage.Debt{}, err
	}
	return owed, nil
}

// Claim implements storage.Ledger.
func (s *Store) Claim(ctx context.Context, n int, hold time.Duration) ([]storage.Debt, error) {
	var claimed []storage.Debt
	err := s.update(ctx, func(c *contents) error {
		claimed = c.claim(n, hold)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Postpone implements storage.Ledger.
func (s *Store) Postpone(ctx context.Context, d storage.Debt, due time.Time) error {
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

// Settle implements storage.Ledger.
func (s *Store) Settle(ctx context.Context, d storage.Debt) error {
	return s.update(ctx, func(c *contents) error {
		i, err := c.held(d)
		if err != nil {
			return err
		}
		c.debts = slices.Delete(c.debts, i, i+1)
		return nil
	})
}
