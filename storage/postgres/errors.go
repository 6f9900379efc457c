package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// wayOut is what to do about server errors that have one known cause, by SQLSTATE.
var wayOut = map[string]string{
	"3F000": "call Migrate first, or check Options.Schema",
	"42P01": "call Migrate first, or check Options.Schema and Options.Prefix",
	"42501": "Migrate needs a role that may create tables in Options.Schema; " +
		"every other method needs USAGE on the schema and SELECT, INSERT, UPDATE and DELETE on the tables, with no row level security",
	"25006": "the pool has reached a read-only server: lead it to the primary, for example with target_session_attrs=read-write",
	"26000": preparedLost,
	"42P05": preparedLost,
}

const preparedLost = "a proxy between here and the server does not keep prepared statements: set DefaultQueryExecMode to pgx.QueryExecModeExec"

// failed says which verb failed and, if that is known, what to do about it.
func failed(verb string, err error) error {
	server := (*pgconn.PgError)(nil)
	if !errors.As(err, &server) {
		return fmt.Errorf("storage/postgres: %s: %w", verb, err)
	}
	if hint, ok := wayOut[server.Code]; ok {
		return fmt.Errorf("storage/postgres: %s: %w: %s", verb, discreet(server), hint)
	}
	return fmt.Errorf("storage/postgres: %s: %w", verb, discreet(server))
}

// discreet returns the server's error without the fields that quote rows and
// statements.
func discreet(e *pgconn.PgError) *pgconn.PgError {
	d := *e
	d.Detail, d.Where, d.InternalQuery = "", "", ""
	return &d
}

const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"

	// mostPatience is the longest pause between two tries: a statement is tried
	// eleven times within about a second.
	mostPatience = 512 * time.Millisecond
)

// run runs the statement of a verb, with retries. From the second try on it runs in
// a read committed transaction whatever the default: a stricter one would fail a
// logout for as long as others write to the session.
func (s *Store) run(ctx context.Context, statement func(querier) error) error {
	first := true
	return patiently(ctx, func() error {
		if first {
			first = false
			return statement(s.pool)
		}
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			return statement(tx)
		})
	})
}

// querier is a pool or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// patiently retries do when it failed only because of another transaction. That
// happens if the database's default isolation is stricter than read committed, or if
// something else locks these tables. Every verb is one statement, so one that failed
// has had no effect.
func patiently(ctx context.Context, do func() error) error {
	for pause := time.Millisecond; ; pause *= 2 {
		err := do()
		if err == nil || pause > mostPatience || !turnedAway(err) {
			return err
		}
		select {
		case <-time.After(rand.N(pause)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func turnedAway(err error) bool {
	server := (*pgconn.PgError)(nil)
	return errors.As(err, &server) && (server.Code == serializationFailure || server.Code == deadlockDetected)
}
