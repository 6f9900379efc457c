package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/passport-go/passport/storage"
)

// uniqueViolation is PostgreSQL's unique_violation.
const uniqueViolation = "23505"

// DeleteAndEnqueue removes the live record with that id and enqueues it as a
// revocation, in one statement. storage.ErrNotFound: there is no such record.
// storage.ErrConflict: there is a revocation with that ID already, and the record
// stays.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	now := s.clock()
	var d storage.Revocation
	err := s.row(ctx, s.write, "delete and enqueue", s.sql.removeAndEnqueue, []any{[]byte(id), now, stored(now.Add(lease))}, revocation(&d))
	if err != nil && !carriedOut(err) {
		return storage.Revocation{}, alreadyEnqueued(err)
	}
	return d, err
}

// DeleteMatchingAndEnqueue removes the live records that m selects and enqueues each
// as a revocation, in one statement: either all of them become revocations, or none.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	if m.Subject == "" && m.SID == "" {
		return nil, storage.ErrEmptyMatch
	}
	now := s.clock()
	revocations, err := rows(ctx, s.write, "delete matching and enqueue", s.sql.removeMatchingAndEnqueue.pick(m), revocation,
		[]byte(m.Except), now, key(m.Subject), key(m.SID), []byte(m.Tenant), []byte(m.Kind), stored(now.Add(lease)))
	return revocations, alreadyEnqueued(err)
}

// Enqueue adds r to the queue. storage.ErrConflict: there is a revocation with that
// ID already.
func (s *Store) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := checkRecord(r); err != nil {
		return storage.Revocation{}, err
	}
	now := s.clock()
	var d storage.Revocation
	err := s.row(ctx, s.write, "enqueue", s.sql.enqueue, []any{
		[]byte(r.ID), key(r.Subject), key(r.SID), int64(r.Revision), stored(r.Expiry), notNull(r.Data),
		now, stored(now.Add(lease)), []byte(r.Tenant), []byte(r.Kind),
	}, revocation(&d))
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Revocation{}, asConflict(err)
	}
	if err != nil && !carriedOut(err) {
		return storage.Revocation{}, err
	}
	return d, err
}

// Claim leases up to n revocations that are due, the oldest first. It skips those
// that another caller is claiming.
func (s *Store) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	if n <= 0 {
		return nil, nil
	}
	now := s.clock()
	return rows(ctx, s.read, "claim", s.sql.claim, revocation, now, int64(n), stored(now.Add(lease)), []byte(tenant))
}

// CountRevocations implements storage.RevocationCounter, in one statement, which reads
// the tenant's part of the queue.
func (s *Store) CountRevocations(ctx context.Context, tenant string) (storage.RevocationCount, error) {
	var n storage.RevocationCount
	err := s.row(ctx, s.read, "count revocations", s.sql.count, []any{[]byte(tenant)}, []any{&n.Pending, (*instant)(&n.Oldest)})
	if err != nil {
		return storage.RevocationCount{}, err
	}
	if n.Pending == 0 {
		n.Oldest = time.Time{}
	}
	return n, nil
}

// Retry makes d due again at due, with the errors of storage.RevocationQueue.
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return s.ifUnchanged(ctx, s.read, "retry", s.sql.retry, []byte(d.Record.ID), stored(d.Due), stored(due), []byte(d.Record.Tenant))
}

// Complete removes d, with the errors of storage.RevocationQueue.
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	return s.ifUnchanged(ctx, s.read, "complete", s.sql.complete, []byte(d.Record.ID), stored(d.Due), []byte(d.Record.Tenant))
}

// alreadyEnqueued turns a unique violation into storage.ErrConflict.
func alreadyEnqueued(err error) error {
	if server := (*pgconn.PgError)(nil); errors.As(err, &server) && server.Code == uniqueViolation {
		return storage.ErrConflict
	}
	return err
}
