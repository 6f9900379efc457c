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
	storage.Revocation
	queued int // position in due
}

func (d *debt) moved(to int) { d.queued = to }

func (l *ledger) init(limit int64) {
	l.limit = limit
	l.debts = make(map[string]*debt)
}

// DeleteAndEnqueue implements storage.RevocationQueue. It fails, and leaves the record, with
// storage.ErrFull once there are Options.RevocationLimit debts, and with
// storage.ErrConflict if there is a debt under that ID.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	return take(s, id, nil, storage.Match{}, s.owing(hold))
}

// DeleteMatchingAndEnqueue implements storage.RevocationQueue. Once there are
// Options.RevocationLimit debts it fails with storage.ErrFull, returns what it has
// entered, and leaves the other records.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Revocation, error) {
	return takeMatching(ctx, s, m, s.owing(hold))
}

func (s *Store) owing(hold time.Duration) taker[storage.Revocation] {
	return func(e *entry, now time.Time) (storage.Revocation, error) { return s.ledger.enter(e.record, now, hold) }
}

// Enqueue implements storage.RevocationQueue. It fails with storage.ErrFull once there are
// Options.RevocationLimit debts.
func (s *Store) Enqueue(ctx context.Context, r storage.Record, hold time.Duration) (storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	if r.ID == "" {
		return storage.Revocation{}, errors.New("storage/memory: Record.ID is empty")
	}
	r.Data = clone(r.Data)
	r.Expiry = r.Expiry.Round(0)
	return s.ledger.enter(r, s.now(), hold)
}

// Claim implements storage.RevocationQueue.
func (s *Store) Claim(ctx context.Context, n int, hold time.Duration) ([]storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// One moment for all, so that no hold that is over meanwhile makes the same
	// debt come twice; in steps, because a logout may wait for the ledger.
	now := s.now()
	var claimed []storage.Revocation
	for len(claimed) < n {
		some := s.ledger.claim(min(n-len(claimed), claimStep), now, hold)
		if len(some) == 0 {
			break
		}
		claimed = append(claimed, some...)
	}
	return claimed, nil
}

// Retry implements storage.RevocationQueue.
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.ledger.postpone(d, due)
}

// Complete implements storage.RevocationQueue.
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.ledger.settle(d)
}

func (l *ledger) enter(r storage.Record, now time.Time, hold time.Duration) (storage.Revocation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.debts[r.ID] != nil {
		return storage.Revocation{}, storage.ErrConflict
	}
	if int64(len(l.debts)) >= l.limit {
		return storage.Revocation{}, fmt.Errorf("storage/memory: %w: it holds %d debts, which is its Options.RevocationLimit", storage.ErrFull, l.limit)
	}
	d := &debt{Revocation: storage.Revocation{Record: r, Since: instant(now), Due: heldUntil(now, hold)}}
	l.debts[r.ID] = d
	l.due.push(d.Due.UnixMilli(), d)
	return d.Revocation, nil
}

func (l *ledger) claim(n int, now time.Time, hold time.Duration) (claimed []storage.Revocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(claimed) < n {
		d, ok := l.due.first(now.UnixMilli())
		if !ok {
			break
		}
		d.Due = heldUntil(now, hold)
		l.due.move(d.queued, d.Due.UnixMilli())
		claimed = append(claimed, d.Revocation)
	}
	return claimed
}

func (l *ledger) postpone(held storage.Revocation, due time.Time) error {
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

func (l *ledger) settle(held storage.Revocation) error {
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
func (l *ledger) held(held storage.Revocation) (*debt, error) {
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
