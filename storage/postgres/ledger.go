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

// DeleteAndEnqueue removes the live record under id and enters it as a debt, in one
// statement. storage.ErrNotFound if there is none; storage.ErrConflict, and the
// record stays, if there is a debt under its ID already.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	now := s.clock()
	var d storage.Revocation
	err := s.row(ctx, "delete owing", s.sql.removeOwing, []any{[]byte(id), now, stored(now.Add(hold))}, debt(&d))
	if err != nil {
		return storage.Revocation{}, owedAlready(err)
	}
	return d, nil
}

// DeleteMatchingAndEnqueue removes the live records that m selects and enters each
// as a debt, all in one statement: either every one of them is a debt
// afterwards, or none.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Revocation, error) {
	if m.Subject == "" && m.SID == "" {
		return nil, storage.ErrEmptyMatch
	}
	now := s.clock()
	debts, err := rows(ctx, s, "delete matching owing", s.sql.removeMatchingOwing.pick(m), debt,
		[]byte(m.Except), now, key(m.Subject), key(m.SID), stored(now.Add(hold)))
	return debts, owedAlready(err)
}

// Enqueue enters r as a debt; storage.ErrConflict if there is one under its ID.
func (s *Store) Enqueue(ctx context.Context, r storage.Record, hold time.Duration) (storage.Revocation, error) {
	if err := checkRecord(r); err != nil {
		return storage.Revocation{}, err
	}
	now := s.clock()
	var d storage.Revocation
	err := s.row(ctx, "owe", s.sql.owe, []any{
		[]byte(r.ID), key(r.Subject), key(r.SID), int64(r.Revision), stored(r.Expiry), notNull(r.Data),
		now, stored(now.Add(hold)),
	}, debt(&d))
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Revocation{}, storage.ErrConflict
	}
	if err != nil {
		return storage.Revocation{}, err
	}
	return d, nil
}

// Claim takes up to n debts that are due, the oldest first. Revocations that another
// caller is about to take are passed over, not waited for.
func (s *Store) Claim(ctx context.Context, n int, hold time.Duration) ([]storage.Revocation, error) {
	if n <= 0 {
		return nil, nil
	}
	now := s.clock()
	return rows(ctx, s, "claim", s.sql.claim, debt, now, int64(n), stored(now.Add(hold)))
}

// Retry hands d back until due, with the errors of storage.RevocationQueue.
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return s.fenced(ctx, "postpone", s.sql.postpone, []byte(d.Record.ID), stored(d.Due), stored(due))
}

// Complete removes d, with the errors of storage.RevocationQueue.
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	return s.fenced(ctx, "settle", s.sql.settle, []byte(d.Record.ID), stored(d.Due))
}

// owedAlready turns the collision of two debts into what the contract calls it.
func owedAlready(err error) error {
	if server := (*pgconn.PgError)(nil); errors.As(err, &server) && server.Code == uniqueViolation {
		return storage.ErrConflict
	}
	return err
}
