package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/passport-go/passport/storage"
)

// maxKey bounds indexed texts. PostgreSQL limits an index entry to about 2,700 bytes;
// OpenID Connect limits a subject to 255.
const maxKey = 2048

// Load returns the live record with that id, or storage.ErrNotFound. It is one
// prepared SELECT by the primary key.
func (s *Store) Load(ctx context.Context, id string) (storage.Record, error) {
	r := storage.Record{ID: id}
	if err := s.row(ctx, s.read, "load", s.sql.load, []any{[]byte(id)}, body(&r)); err != nil {
		return storage.Record{}, err
	}
	if !r.Expiry.After(s.now()) {
		return storage.Record{}, storage.ErrNotFound
	}
	return r, nil
}

// Save implements storage.TokenStore with one statement. For one in 64 new records it
// also calls Sweep for twice as many, so that expired records do not accumulate.
func (s *Store) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	r.Expiry = stored(r.Expiry)
	now := s.clock()
	if err := checkRecord(r); err != nil {
		return storage.Record{}, err
	}
	if !r.Expiry.After(now) {
		return storage.Record{}, errors.New("storage/postgres: save: Record.Expiry has passed already")
	}
	if r.Revision == 0 {
		return s.create(ctx, r, now)
	}
	return s.replace(ctx, r, now)
}

func (s *Store) create(ctx context.Context, r storage.Record, now time.Time) (storage.Record, error) {
	var created bool
	err := s.row(ctx, s.write, "save", s.sql.create, []any{
		[]byte(r.ID), key(r.Subject), key(r.SID), r.Expiry, sweepAfter(r.Expiry), notNull(r.Data), now,
		[]byte(r.Tenant), []byte(r.Kind),
	}, []any{&created})
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Record{}, asConflict(err)
	}
	if err != nil && !carriedOut(err) {
		return storage.Record{}, err
	}
	s.sweepNowAndThen(ctx)
	r.Revision = 1
	return r, err
}

func (s *Store) replace(ctx context.Context, r storage.Record, now time.Time) (storage.Record, error) {
	err := s.ifUnchanged(ctx, s.write, "save", s.sql.replace,
		[]byte(r.ID), int64(r.Revision), key(r.Subject), key(r.SID), r.Expiry, sweepAfter(r.Expiry), notNull(r.Data), now,
		[]byte(r.Tenant), []byte(r.Kind))
	if err != nil && !carriedOut(err) {
		return storage.Record{}, err
	}
	r.Revision++
	return r, err
}

// Delete removes the live record with that id and returns it, or
// storage.ErrNotFound. Of several concurrent callers, exactly one gets it.
func (s *Store) Delete(ctx context.Context, id string) (storage.Record, error) {
	var r storage.Record
	err := s.row(ctx, s.write, "delete", s.sql.remove, []any{[]byte(id), s.clock()}, record(&r))
	if err != nil && !carriedOut(err) {
		return storage.Record{}, err
	}
	return r, err
}

// DeleteMatching removes the live records that m selects and returns them, in
// one statement through the index on subject or on sid.
func (s *Store) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return s.matching(ctx, s.write, "delete matching", s.sql.removeMatching, m)
}

// List returns the live records that m selects, in one statement through the
// index on subject or on sid.
func (s *Store) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return s.matching(ctx, s.read, "list", s.sql.list, m)
}

func (s *Store) matching(ctx context.Context, run runner, verb string, sql byMatch, m storage.Match) ([]storage.Record, error) {
	if m.Subject == "" && m.SID == "" {
		return nil, storage.ErrEmptyMatch
	}
	return rows(ctx, run, verb, sql.pick(m), record, []byte(m.Except), s.clock(), key(m.Subject), key(m.SID), []byte(m.Tenant), []byte(m.Kind))
}

// checkRecord returns an error if the tables cannot hold r.
func checkRecord(r storage.Record) error {
	switch {
	case r.ID == "":
		return errors.New("storage/postgres: Record.ID is empty")
	case len(r.ID) > maxKey:
		return tooLong("ID", len(r.ID))
	case len(r.Subject) > maxKey:
		return tooLong("Subject", len(r.Subject))
	case len(r.SID) > maxKey:
		return tooLong("SID", len(r.SID))
	case r.Revision > math.MaxInt64:
		return errors.New("storage/postgres: Record.Revision is too large for a bigint")
	case r.Expiry.Year() > 9999:
		return errors.New("storage/postgres: Record.Expiry is after the year 9999")
	}
	if err := storage.CheckScope(&r); err != nil {
		return fmt.Errorf("storage/postgres: %w", err)
	}
	return nil
}

func tooLong(field string, length int) error {
	return fmt.Errorf("storage/postgres: Record.%s takes %d bytes: the index holds at most %d", field, length, maxKey)
}
