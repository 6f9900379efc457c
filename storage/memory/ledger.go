package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/passport-go/passport/storage"
)

// ledger holds the debts. One lock is enough for them: there are few, and no
// session check comes by here.
type ledger struct {
	mu    sync.Mutex
	limit int64
	debts map[string]*debt
	due   queue[*debt]
}

type debt struct {
	storage.Debt
	queued int // position in due
}

func (d *debt) moved(to int) { d.queued = to }

func (l *ledger) init(limit int64) {
	l.limit = limit
	l.debts = make(map[string]*debt)
}

// DeleteOwing implements storage.Ledger. It fails with storage.ErrFull, and
// leaves the record, once there are Options.DebtLimit debts.
func (s *Store) DeleteOwing(ctx context.Context, id string, hold time.Duration) (storage.Debt, error) {
	if err := ctx.Err(); err != nil {
		return storage.Debt{}, err
	}
	var owed storage.Debt
	err := s.take(id, func(e *entry) (err error) {
		owed, err = s.ledger.enter(e.record, s.now(), hold)
		return err
	})
	return owed, err
}

// DeleteMatchingOwing implements storage.Ledger. Once there are
// Options.DebtLimit debts it fails with storage.ErrFull, returns what it has
// entered, and leaves the other records.
func (s *Store) DeleteMatchingOwing(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Debt, error) {
	var owed []storage.Debt
	err := s.takeMatching(ctx, m, func(e *entry) error {
		d, err := s.ledger.enter(e.record, s.now(), hold)
		if err == nil {
			owed = append(owed, d)
		}
		return err
	})
	return owed, err
}

// Owe implements storage.Ledger. It fails with storage.ErrFull once there are
// Options.DebtLimit debts.
func (s *Store) Owe(ctx context.Context, r storage.Record, hold time.Duration) (storage.Debt, error) {
	if err := ctx.Err(); err != nil {
		return storage.Debt{}, err
	}
	if r.ID == "" {
		return storage.Debt{}, errors.New("storage/memory: Record.ID is empty")
	}
	r.Data = clone(r.Data)
	r.Expiry = r.Expiry.Round(0)
	return s.ledger.enter(r, s.now(), hold)
}

// Claim implements storage.Ledger.
func (s *Store) Claim(ctx context.Context, n int, hold time.Duration) ([]storage.Debt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.ledger.claim(n, s.now, hold), nil
}

// Postpone implements storage.Ledger.
func (s *Store) Postpone(ctx context.Context, d storage.Debt, due time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.ledger.postpone(d, due)
}

// Settle implements storage.Ledger.
func (s *Store) Settle(ctx context.Context, d storage.Debt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.ledger.settle(d)
}

func (l *ledger) enter(r storage.Record, now time.Time, hold time.Duration) (storage.Debt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.debts[r.ID] != nil {
		return storage.Debt{}, storage.ErrConflict
	}
	if int64(len(l.debts)) >= l.limit {
		return storage.Debt{}, fmt.Errorf("%w: %d debts; Options.DebtLimit of storage/memory allows no more", storage.ErrFull, l.limit)
	}
	d := &debt{Debt: storage.Debt{Record: r, Since: instant(now), Due: instant(now.Add(hold))}}
	l.debts[r.ID] = d
	l.due.push(d.Due.UnixMilli(), d)
	return d.Debt, nil
}

// claim takes all it can before it gives any back to the queue, so that no debt
// is claimed twice in one call, however short the hold.
func (l *ledger) claim(n int, clock func() time.Time, hold time.Duration) (claimed []storage.Debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := clock()
	var taken []*debt
	for len(taken) < n {
		d, ok := l.due.first(now.UnixMilli())
		if !ok {
			break
		}
		l.due.remove(d.queued)
		taken = append(taken, d)
	}
	for _, d := range taken {
		d.Due = instant(now.Add(hold))
		l.due.push(d.Due.UnixMilli(), d)
		claimed = append(claimed, d.Debt)
	}
	return claimed
}

func (l *ledger) postpone(held storage.Debt, due time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, err := l.held(held)
	if err != nil {
		return err
	}
	d.Attempts++
	d.Due = instant(due)
	l.due.move(d.queued, d.Due.UnixMilli())
	return nil
}

func (l *ledger) settle(held storage.Debt) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, err := l.held(held)
	if err != nil {
		return err
	}
	l.due.remove(d.queued)
	delete(l.debts, d.Record.ID)
	return nil
}

// held returns the debt, if the hold of whoever was given held is still theirs.
func (l *ledger) held(held storage.Debt) (*debt, error) {
	d := l.debts[held.Record.ID]
	if d == nil {
		return nil, storage.ErrNotFound
	}
	if !d.Due.Equal(held.Due) {
		return nil, storage.ErrConflict
	}
	return d, nil
}

// instant is t by the wall clock, as exact as the queue sorts by.
func instant(t time.Time) time.Time { return t.Round(0).Truncate(time.Millisecond) }
