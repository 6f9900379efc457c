package postgres

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrationFiles holds one file per version. Never edit a released one: add a new file
// for a change, and one that the previous release works with, since both run during a
// deployment.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// worksFrom has, for each version of the tables, the version of the oldest program that
// works with them.
var worksFrom = []int{1}

// migration brings the tables to a version.
type migration struct {
	sql       string
	worksFrom int
}

// Migrate brings the tables to the version that this package works with, and does
// nothing if they have it. It is one transaction under an advisory lock, so any number
// of instances may call it as they start. Once the tables exist, a role that may not
// create tables can call it too.
//
// During a deployment the tables may have a later version than the package knows,
// because the next release has migrated them. Migrate then does nothing as well, if
// that release has noted that this one works with its tables. Otherwise it returns an
// error.
func (s *Store) Migrate(ctx context.Context) error {
	steps, err := readSteps()
	if err != nil {
		return failed("migrate", err)
	}
	return s.migrate(ctx, steps)
}

func (s *Store) migrate(ctx context.Context, steps []migration) error {
	at, err := s.tables(ctx, s.pool)
	if err != nil {
		return failed("migrate", err)
	}
	if at.workWith(len(steps)) {
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

func (s *Store) upgrade(ctx context.Context, tx pgx.Tx, steps []migration) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, s.names.lock()); err != nil {
		return err
	}
	at, err := s.tables(ctx, tx)
	if err != nil || at.workWith(len(steps)) {
		return err
	}
	if at.version > len(steps) {
		return fmt.Errorf("the tables are at version %d, for programs that know at least %d, and this one knows %d: run a newer program", at.version, at.worksFrom, len(steps))
	}
	if at.version == 0 {
		if err := s.prepare(ctx, tx); err != nil {
			return err
		}
	}
	for version := at.version + 1; version <= len(steps); version++ {
		if err := s.step(ctx, tx, version, steps[version-1]); err != nil {
			return fmt.Errorf("version %d: %w", version, err)
		}
	}
	return nil
}

// tables says what the tables are like.
type tables struct {
	version   int // 0: there are none
	worksFrom int // the version of the oldest program that works with them
}

// workWith reports whether a program that knows the given version can use the tables.
func (t tables) workWith(known int) bool {
	return t.version >= known && t.worksFrom <= known
}

// tables reads the catalog's tables: to_regclass uses a cache that does not see other
// transactions while this one waits for its lock.
func (s *Store) tables(ctx context.Context, db querier) (at tables, err error) {
	var exists bool
	err = db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2)`,
		s.names.schema, s.names.prefix+"migrations").Scan(&exists)
	if err != nil || !exists {
		return tables{}, err
	}
	err = db.QueryRow(ctx, s.names.fill(`SELECT coalesce(max(version), 0), coalesce(max(works_from), 0) FROM {migrations}`)).
		Scan(&at.version, &at.worksFrom)
	return at, err
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
			works_from integer     NOT NULL,
			applied_at timestamptz NOT NULL DEFAULT now()
		)`))
	return err
}

// step runs one migration. Without arguments pgx sends it unchanged, so a file may
// contain several statements.
func (s *Store) step(ctx context.Context, tx pgx.Tx, version int, m migration) error {
	if _, err := tx.Exec(ctx, s.names.fill(m.sql)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, s.names.fill(`INSERT INTO {migrations} (version, works_from) VALUES ($1, $2)`), version, m.worksFrom)
	return err
}

// readSteps returns the migrations in the order of their versions.
func readSteps() ([]migration, error) {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	steps := make([]migration, len(files))
	for i, file := range files {
		sql, err := migrationFiles.ReadFile("migrations/" + file.Name())
		if err != nil {
			return nil, err
		}
		steps[i] = migration{string(sql), worksFrom[i]}
	}
	return steps, nil
}
