package postgres

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passport-go/passport/storage"
)

var (
	_ storage.TokenStore      = (*Store)(nil)
	_ storage.Lister          = (*Store)(nil)
	_ storage.RevocationQueue = (*Store)(nil)
	_ storage.Notifier        = (*Store)(nil)
)

// Options say where a Store keeps its tables. The zero value is ready to use.
type Options struct {
	// Schema is the schema of the tables. Default "public".
	Schema string

	// Prefix begins the name of every table, index and channel. Default
	// "passport_". Programs that must not see each other's sessions use
	// different ones. It is used as it is, quoted; Schema and Prefix may take
	// 44 bytes together.
	Prefix string

	// Now is the clock that decides what has expired and what is due. Default
	// time.Now. The server's clock is never asked, so instances that share
	// the tables need clocks that agree.
	Now func() time.Time

	// Listen says how Listen reaches the server. Default nil: like the pool
	// does. Where the pool goes through a proxy that pools transactions, it
	// must lead past it. It comes from pgx.ParseConfig and is copied.
	Listen *pgx.ConnConfig
}

// Store keeps records, revocations and notices in PostgreSQL. Its methods may be
// called from many goroutines at once. It starts none itself, and has nothing
// to close: the pool stays the caller's.
type Store struct {
	pool    *pgxpool.Pool
	now     func() time.Time
	listen  *pgx.ConnConfig
	names   names
	sql     statements
	created atomic.Uint64
}

// New returns a store on pool. It does not connect: call Migrate before the
// first use of the tables. Its errors name the field of opts that is wrong.
func New(pool *pgxpool.Pool, opts Options) (*Store, error) {
	if pool == nil {
		return nil, errors.New("storage/postgres: the pool is nil: pass one from pgxpool.New")
	}
	names, err := newNames(cmp.Or(opts.Schema, "public"), cmp.Or(opts.Prefix, "passport_"))
	if err != nil {
		return nil, err
	}
	s := &Store{pool: pool, now: opts.Now, names: names, sql: newStatements(names)}
	if s.now == nil {
		s.now = time.Now
	}
	if opts.Listen != nil {
		s.listen = opts.Listen.Copy()
	}
	// Processes that end before they have created so many take their turn, too.
	s.created.Store(rand.Uint64N(sweepEvery))
	return s, nil
}

// clock returns the time as the tables hold it.
func (s *Store) clock() time.Time {
	return stored(s.now())
}

// stored returns t at the precision of a timestamptz, so that what a caller is
// handed equals what a later statement compares with.
func stored(t time.Time) time.Time {
	return t.UTC().Truncate(time.Microsecond)
}

// row runs a statement that returns at most one row, and ErrNotFound if none.
func (s *Store) row(ctx context.Context, verb, sql string, args, dest []any) error {
	err := s.run(ctx, func(db querier) error {
		return db.QueryRow(ctx, sql, args...).Scan(dest...)
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return storage.ErrNotFound
	default:
		return failed(verb, err)
	}
}

// rows runs a statement that returns any number of rows, each scanned into the
// places that fields names.
func rows[T any](ctx context.Context, s *Store, verb, sql string, fields func(*T) []any, args ...any) ([]T, error) {
	var all []T
	err := s.run(ctx, func(db querier) error {
		found, err := db.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (one T, err error) {
			return one, row.Scan(fields(&one)...)
		})
		return err
	})
	if err != nil {
		return nil, failed(verb, err)
	}
	return all, nil
}

// fenced runs a statement that acts only while something it compares is as the
// caller read it. The statement answers whether it acted, and whether what its
// snapshot saw was as the caller read it.
func (s *Store) fenced(ctx context.Context, verb, sql string, args ...any) error {
	for {
		var acted, unchanged bool
		if err := s.row(ctx, verb, sql, args, []any{&acted, &unchanged}); err != nil {
			return err
		}
		if acted {
			return nil
		}
		if !unchanged {
			return storage.ErrConflict
		}
		// Another writer came between the snapshot and the lock. What it left
		// behind, or that it left nothing, only a new snapshot shows. This goes
		// round again only while others get on.
	}
}
