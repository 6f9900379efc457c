package postgres

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrations holds one file per version. Never edit a released one: add a new file
// for a change, and one that the previous release works with, since both run during a
// deployment.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables to the version that this package works with, and does
// nothing if they have it. It is one transaction under an advisory lock, so any number
// of instances may call it as they start. Once the tables exist, a role that may not
// create tables can call it too. It returns an error if the tables have a later
// version than the package knows.
func (s *Store) Migrate(ctx context.Context) error {
	steps, err := readSteps()
	if err != nil {
		return failed("migrate", err)
	}
	return s.migrate(ctx, steps)
}

func (s *Store) migrate(ctx context.Context, steps []string) error {
	version, err := s.version(ctx, s.pool)
	if err != nil {
		return failed("migrate", err)
	}
	if version == len(steps) {
		return nil
	}
	// Read committed, because a snapshot from before the lock was acquired would not
	// show what the instance that held it has done.
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		return s.upgrade(ctx, tx, steps)
	})
	if err != nil {
		return failed("migrate", err)
	}
	return nil
}

func (s *Store) upgrade(ctx context.Context, tx pgx.Tx, steps []string) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, s.names.lock()); err != nil {
		return err
	}
	version, err := s.version(ctx, tx)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("the tables are at version %d and this program knows %d: run the newer program", version, len(steps))
	}
	if version == 0 {
		if err := s.prepare(ctx, tx); err != nil {
			return err
		}
	}
	for ; version < len(steps); version++ {
		if err := s.step(ctx, tx, version+1, steps[version]); err != nil {
			return fmt.Errorf("version %d: %w", version+1, err)
		}
	}
	return nil
}

// version returns the version of the tables, 0 if there are none. It reads the
// catalog's tables: to_regclass uses a cache that does not see other transactions
// while this one waits for its lock.
func (s *Store) version(ctx context.Context, db querier) (version int, err error) {
	var exists bool
	err = db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2)`,
		s.names.schema, s.names.prefix+"migrations").Scan(&exists)
	if err != nil || !exists {
		return 0, err
	}
	err = db.QueryRow(ctx, s.names.fill(`SELECT coalesce(max(version), 0) FROM {migrations}`)).Scan(&version)
	return version, err
}

// prepare creates what the migrations themselves need. CREATE SCHEMA IF NOT EXISTS
// would require the right to create schemas even if the schema exists.
func (s *Store) prepare(ctx context.Context, tx pgx.Tx) error {
	var exists bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, s.names.schema).Scan(&exists)
	if err != nil {
		return err
	}
	if !exists {
		if _, err := tx.Exec(ctx, `CREATE SCHEMA `+pgx.Identifier{s.names.schema}.Sanitize()); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, s.names.fill(`
		CREATE TABLE {migrations} (
			version    integer     PRIMARY KEY,
			applied_at timestamptz NOT NULL DEFAULT now()
		)`))
	return err
}

// step runs one migration. Without arguments pgx sends it unchanged, so a file may
// contain several statements.
func (s *Store) step(ctx context.Context, tx pgx.Tx, version int, sql string) error {
	if _, err := tx.Exec(ctx, s.names.fill(sql)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, s.names.fill(`INSERT INTO {migrations} (version) VALUES ($1)`), version)
	return err
}

// readSteps returns the migrations in the order of their versions.
func readSteps() ([]string, error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(files))
	for i, file := range files {
		sql, err := migrations.ReadFile("migrations/" + file.Name())
		if err != nil {
			return nil, err
		}
		steps[i] = string(sql)
	}
	return steps, nil
}
