package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/passport-go/passport/storage"
)

const claimStep = 64

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

// DeleteOwing implements storage.Ledger. It fails, and leaves the record, with
// storage.ErrFull once there are Options.DebtLimit debts, and with
// storage.ErrConflict if there is a debt under that ID.
func (s *Store) DeleteOwing(ctx context.Context, id string, hold time.Duration) (storage.Debt, error) {
	if err := ctx.Err(); err != nil {
		return storage.Debt{}, err
	}
	return take(s, id, nil, storage.Match{}, s.owing(hold))
}

// DeleteMatchingOwing implements storage.Ledger. Once there are
// Options.DebtLimit debts it fails with storage.ErrFull, returns what it has
// entered, and leaves the other records.
func (s *Store) DeleteMatchingOwing(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Debt, error) {
	return takeMatching(ctx, s, m, s.owing(hold))
}

func (s *Store) owing(hold time.Duration) taker[storage.Debt] {
	return func(e *entry, now time.Time) (storage.Debt, error) { return s.ledger.enter(e.record, now, hold) }
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
	// One moment for all, so that no hold that is over meanwhile makes the same
	// debt come twice; in steps, because a logout may wait for the ledger.
	now := s.now()
	var claimed []storage.Debt
	for len(claimed) < n {
		some := s.ledger.claim(min(n-len(claimed), claimStep), now, hold)
		if len(some) == 0 {
			break
		}
		claimed = append(claimed, some...)
	}
	return claimed, nil
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
		return storage.Debt{}, fmt.Errorf("storage/memory: %w: it holds %d debts, which is its Options.DebtLimit", storage.ErrFull, l.limit)
	}
	d := &debt{Debt: storage.Debt{Record: r, Since: instant(now), Due: heldUntil(now, hold)}}
	l.debts[r.ID] = d
	l.due.push(d.Due.UnixMilli(), d)
	return d.Debt, nil
}

func (l *ledger) claim(n int, now time.Time, hold time.Duration) (claimed []storage.Debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(claimed) < n {
		d, ok := l.due.first(now.UnixMilli())
		if !ok {
			break
		}
		d.Due = heldUntil(now, hold)
		l.due.move(d.queued, d.Due.UnixMilli())
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

// heldUntil is after now, however short the hold: a debt that is claimed is not
// due, and every hold has a Due of its own.
func heldUntil(now time.Time, hold time.Duration) time.Time {
	return instant(now.Add(max(hold, time.Millisecond)))
}

// instant is t by the wall clock, as exact as the queue sorts by.
func instant(t time.Time) time.Time { return t.Round(0).Truncate(time.Millisecond) }
