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

	// SynchronousCommit has every write that ends something wait at its commit until
	// a synchronous standby has it: RemoteWrite, RemoteFlush or RemoteApply. If the
	// standby does not confirm, the method returns storage.ErrNotReplicated beside
	// its result, and package passport reports a logout as pending and tries again.
	// Empty, the default: the server's own setting applies, and nothing is found
	// out: a fail-over may then bring back a session that has ended, as the package
	// documentation says.
	//
	// The server must have synchronous_standby_names, without which every write is
	// storage.ErrNotReplicated, and the pool's ConnConfig.OnNotice must be OnNotice.
	// It goes for Save, Delete, DeleteMatching and Enqueue, in one round trip, and
	// costs the time until the standby has answered. Load never waits. Claim, Retry
	// and Complete do not either: at worst, a token is revoked twice.
	SynchronousCommit SynchronousCommit

	// SyncTimeout bounds a write that waits. Default 1 s. When it is over, the store
	// cancels the wait by a connection of its own, and the write stays carried out;
	// one that was still waiting for another transaction fails instead. After a
	// wait in vain, writes return at once, one a second excepted, until the standby
	// confirms again.
	SyncTimeout time.Duration

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
	standby *standby // nil: wait for none
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
	standby, err := newStandby(pool, opts)
	if err != nil {
		return nil, err
	}
	s := &Store{pool: pool, now: opts.Now, names: names, sql: newStatements(names), standby: standby}
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
func (s *Store) row(ctx context.Context, run runner, verb, sql string, args, dest []any) error {
	unproven, err := run(ctx, func(db querier) error {
		return db.QueryRow(ctx, sql, args...).Scan(dest...)
	})
	switch {
	case err == nil:
		return proven(nil, unproven)
	case errors.Is(err, pgx.ErrNoRows):
		return proven(storage.ErrNotFound, unproven)
	default:
		return failed(verb, err)
	}
}

// rows runs a statement that returns any number of rows, each scanned into the
// places that fields names.
func rows[T any](ctx context.Context, run runner, verb, sql string, fields func(*T) []any, args ...any) ([]T, error) {
	var all []T
	unproven, err := run(ctx, func(db querier) error {
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
	return all, proven(nil, unproven)
}

// fenced runs a statement that acts only while something it compares is as the
// caller read it. The statement answers whether it acted, and whether what its
// snapshot saw was as the caller read it.
func (s *Store) fenced(ctx context.Context, run runner, verb, sql string, args ...any) error {
	for {
		var acted, unchanged bool
		err := s.row(ctx, run, verb, sql, args, []any{&acted, &unchanged})
		switch unsafe := (*unsafeError)(nil); {
		case err != nil && !errors.As(err, &unsafe), errors.Is(err, storage.ErrNotFound), acted:
			return err
		case !unchanged:
			return asConflict(err)
		}
		// Another writer came between the snapshot and the lock. What it left
		// behind, or that it left nothing, only a new snapshot shows. This goes
		// round again only while others get on.
	}
}
