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
	_ storage.TokenStore        = (*Store)(nil)
	_ storage.Lister            = (*Store)(nil)
	_ storage.RevocationQueue   = (*Store)(nil)
	_ storage.RevocationCounter = (*Store)(nil)
	_ storage.Notifier          = (*Store)(nil)
)

// Options say where a Store keeps its tables. The zero value is ready to use.
type Options struct {
	// Schema is the schema of the tables. Default "public".
	Schema string

	// Prefix begins the name of every table, index and channel. Default
	// "passport_". Programs that must not share sessions need different ones. It is
	// used unchanged, quoted; Schema and Prefix together may have up to 44 bytes.
	Prefix string

	// SynchronousCommit makes every write that must not be lost wait at its commit
	// until a synchronous standby has it: RemoteWrite, RemoteFlush or RemoteApply. If the
	// standby does not confirm, the method returns storage.ErrNotReplicated beside
	// its result, and package passport reports a logout as pending and tries again.
	// Empty, the default: the server's own setting applies, and the store does not
	// check: a fail-over may then bring back a session that has ended, as the package
	// documentation says.
	//
	// The server must have synchronous_standby_names, without which every write
	// returns storage.ErrNotReplicated, and the pool's ConnConfig.OnNotice must be
	// OnNotice. It applies to Save, Delete, DeleteMatching and Enqueue, which still
	// take one round trip, but also the time until the standby has answered. Load,
	// Claim, Retry and Complete never wait: at worst, a token is revoked twice.
	SynchronousCommit SynchronousCommit

	// SyncTimeout bounds a write that waits. Default 1 s. When it is over, the store
	// cancels the wait through another connection, and the write keeps its effect;
	// one that was still waiting for another transaction fails instead. After a wait
	// in vain, only one write a second waits until the standby confirms again.
	SyncTimeout time.Duration

	// Now is the clock that decides what has expired and what is due. Default
	// time.Now. The server's clock is not used, so instances that share the tables
	// need clocks that agree.
	Now func() time.Time

	// Listen says how Listen connects to the server. Default nil: as the pool does.
	// If the pool goes through a proxy that pools transactions, Listen must bypass
	// it. It comes from pgx.ParseConfig and is copied; the pool's BeforeConnect, which may
	// fetch a password that expires, is not called for it.
	Listen *pgx.ConnConfig
}

// Store is a storage.TokenStore in PostgreSQL, and implements all optional interfaces of
// package storage. It is safe for
// concurrent use, starts no goroutines, and has nothing to close: the caller closes
// the pool.
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
	// Random, so that processes that create fewer records sweep too.
	s.created.Store(rand.Uint64N(sweepEvery))
	return s, nil
}

// clock returns the time at the precision of the tables.
func (s *Store) clock() time.Time {
	return stored(s.now())
}

// stored returns t at the precision of a timestamptz, so that the time that a caller
// gets equals the one that a later statement compares with.
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

// rows runs a statement that returns any number of rows, and scans each into the
// destinations that fields returns.
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

// ifUnchanged runs a statement that acts only if the stored values are still those that the
// caller read. The statement returns whether it acted, and whether its snapshot still
// had those values.
func (s *Store) ifUnchanged(ctx context.Context, run runner, verb, sql string, args ...any) error {
	for range mostSnapshots {
		var acted, unchanged bool
		err := s.row(ctx, run, verb, sql, args, []any{&acted, &unchanged})
		switch unsafe := (*unsafeError)(nil); {
		case err != nil && !errors.As(err, &unsafe), errors.Is(err, storage.ErrNotFound), acted:
			return err
		case !unchanged:
			return asConflict(err)
		}
		// Another writer came between the snapshot and the lock. Only a new snapshot
		// shows what it has done.
	}
	return failed(verb, errKept)
}

// mostSnapshots is more than other writers can cause: after the first of them, the values
// are no longer those that the caller read.
const mostSnapshots = 10

var errKept = errors.New("the server shows the row and does not let it change: " +
	"look for a trigger on the table, or a policy of row level security that is for SELECT alone")
