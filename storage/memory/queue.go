package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/passport-go/passport/storage"
)

const claimStep = 64

// queue holds the pending revocations, each tenant's in an order of its own. One
// lock is enough: there are few, and no session check takes it.
type queue struct {
	mu          sync.Mutex
	limit       int64
	revocations map[string]*revocation
}

// revocation is an entry that has been removed, or never was stored, in the queue: it is
// one already, so that a logout need not make it. Its record is as it was; nobody changes
// it any more.
type revocation entry

func (d *revocation) moved(to int) { d.pending = int32(to) }

func (d *revocation) public() storage.Revocation {
	return storage.Revocation{Record: d.record, Since: time.UnixMilli(d.since), Attempts: int(d.attempts), Due: d.due()}
}

// due is what the tenant's heap sorts by.
func (d *revocation) due() time.Time { return time.UnixMilli(d.tenant.due.slots[d.pending].at) }

func (q *queue) init(limit int64) {
	q.limit = limit
	q.revocations = make(map[string]*revocation)
}

// DeleteAndEnqueue implements storage.RevocationQueue. It fails, and leaves the record, with
// storage.ErrFull once there are Options.RevocationLimit revocations, and with
// storage.ErrConflict if there is a revocation under that ID.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	return take(s, id, nil, storage.Match{}, s.enqueuer(lease))
}

// DeleteMatchingAndEnqueue implements storage.RevocationQueue. Once there are
// Options.RevocationLimit revocations it fails with storage.ErrFull, returns
// what it has enqueued, and leaves the other records.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	return takeMatching(ctx, s, m, s.enqueuer(lease))
}

func (s *Store) enqueuer(lease time.Duration) taker[storage.Revocation] {
	return func(e *entry, now time.Time) (storage.Revocation, error) {
		return s.queue.enqueue(e, now, lease)
	}
}

// Enqueue implements storage.RevocationQueue. It fails with storage.ErrFull once there are
// Options.RevocationLimit revocations.
func (s *Store) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	if err := validate(&r); err != nil {
		return storage.Revocation{}, err
	}
	r.Data = clone(r.Data)
	r.Expiry = r.Expiry.Round(0)
	return s.queue.enqueue(&entry{record: r, tenant: s.tenants.of(r.Tenant)}, s.now(), lease)
}

// Claim implements storage.RevocationQueue.
func (s *Store) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// One moment for all, so that no lease that ends meanwhile makes the same
	// revocation come twice; in steps, because a logout may wait for the queue.
	now := s.now()
	from := s.tenants.known(tenant)
	var claimed []storage.Revocation
	for from != nil && len(claimed) < n {
		some := s.queue.claim(from, min(n-len(claimed), claimStep), now, lease)
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
	return s.queue.retry(d, due)
}

// Complete implements storage.RevocationQueue.
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.queue.complete(d)
}

// CountRevocations implements storage.RevocationCounter. It goes through the tenant's
// revocations, and logouts wait meanwhile: a hundred thousand take about a millisecond.
func (s *Store) CountRevocations(ctx context.Context, tenant string) (storage.RevocationCount, error) {
	if err := ctx.Err(); err != nil {
		return storage.RevocationCount{}, err
	}
	of := s.tenants.known(tenant)
	if of == nil {
		return storage.RevocationCount{}, nil
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	n := storage.RevocationCount{Pending: len(of.due.slots)}
	for _, slot := range of.due.slots {
		if since := time.UnixMilli(slot.item.since); n.Oldest.IsZero() || since.Before(n.Oldest) {
			n.Oldest = since
		}
	}
	return n, nil
}

// enqueue keeps e, which nobody else changes from then on.
func (q *queue) enqueue(e *entry, now time.Time, lease time.Duration) (storage.Revocation, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.revocations[e.record.ID] != nil {
		return storage.Revocation{}, storage.ErrConflict
	}
	if int64(len(e.tenant.due.slots)) >= q.limit {
		return storage.Revocation{}, fmt.Errorf("storage/memory: %w: %d revocations of the tenant are pending, which is its Options.RevocationLimit", storage.ErrFull, q.limit)
	}
	d := (*revocation)(e)
	d.since = now.UnixMilli()
	q.revocations[d.record.ID] = d
	d.tenant.due.push(leasedUntil(now, lease), d)
	removed := d.public()
	d.record.KeepDecodedOf(&storage.Record{}) // it may wait for long, and nobody reads the session any more
	return removed, nil
}

func (q *queue) claim(t *tenant, n int, now time.Time, lease time.Duration) (claimed []storage.Revocation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(claimed) < n {
		d, ok := t.due.first(now.UnixMilli())
		if !ok {
			break
		}
		t.due.move(int(d.pending), leasedUntil(now, lease))
		claimed = append(claimed, d.public())
	}
	return claimed
}

func (q *queue) retry(claimed storage.Revocation, due time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	d, err := q.leased(claimed)
	if err != nil {
		return err
	}
	d.attempts++
	d.tenant.due.move(int(d.pending), due.UnixMilli())
	return nil
}

func (q *queue) complete(claimed storage.Revocation) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	d, err := q.leased(claimed)
	if err != nil {
		return err
	}
	d.tenant.due.remove(int(d.pending))
	delete(q.revocations, d.record.ID)
	return nil
}

// leased returns the revocation if the lease that claimed stands for still runs.
func (q *queue) leased(claimed storage.Revocation) (*revocation, error) {
	d := q.revocations[claimed.Record.ID]
	if d == nil || d.record.Tenant != claimed.Record.Tenant {
		return nil, storage.ErrNotFound
	}
	if !d.due().Equal(claimed.Due) {
		return nil, storage.ErrConflict
	}
	return d, nil
}

// leasedUntil is after now, however short the lease, and as exact as the queue sorts by: a
// claimed revocation is not due, and every lease has a Due of its own.
func leasedUntil(now time.Time, lease time.Duration) int64 {
	return now.Add(max(lease, time.Millisecond)).UnixMilli()
}
