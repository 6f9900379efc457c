package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passport-go/passport/storage"
)

// A statement that must survive a fail-over is sent together with one that sets
// synchronous_commit for their transaction, in one batch and so in one round trip.
// At the commit the server waits for the standby without any time-out, so the store
// cancels the wait after its bound. The transaction is committed all the same; the
// server says so in a notice and reports success.
//
// A transaction that writes nothing does not wait. So each one also writes a message
// to the WAL, for statements that find nothing to change, such as the retry of a
// logout that has already removed the session.

// SynchronousCommit is a level of PostgreSQL's setting synchronous_commit.
type SynchronousCommit string

// The levels at which a commit waits for the synchronous standbys.
const (
	RemoteWrite SynchronousCommit = "remote_write" // until the standby has received it: survives the loss of the primary
	RemoteFlush SynchronousCommit = "on"           // until the standby has it on disk: survives the loss of both
	RemoteApply SynchronousCommit = "remote_apply" // until queries on the standby see it
)

const (
	defaultSyncTimeout = time.Second

	// cancelTimeout bounds a cancel request, which needs another connection.
	cancelTimeout = 5 * time.Second

	// syncPause is how long statements do not wait after one has waited in vain.
	syncPause = time.Second
)

var (
	errAway      = errors.New("the standby has not confirmed a commit lately")
	errCut       = errors.New("the standby has not confirmed it in time")
	errNoStandby = errors.New("the server has no synchronous standby: set synchronous_standby_names")
)

// standby waits for the standby of a Store. A nil one does not wait.
type standby struct {
	level   SynchronousCommit
	timeout time.Duration
	again   atomic.Int64 // when to wait again, in Unix nanoseconds; 0: all is well
}

func newStandby(pool *pgxpool.Pool, opts Options) (*standby, error) {
	if opts.SynchronousCommit == "" {
		return nil, nil
	}
	s := &standby{level: opts.SynchronousCommit, timeout: opts.SyncTimeout}
	if s.timeout == 0 {
		s.timeout = defaultSyncTimeout
	}
	switch {
	case s.level != RemoteWrite && s.level != RemoteFlush && s.level != RemoteApply:
		return nil, fmt.Errorf("storage/postgres: Options.SynchronousCommit: %q waits for no standby: use RemoteWrite, RemoteFlush or RemoteApply", string(s.level))
	case s.timeout < 0:
		return nil, errors.New("storage/postgres: Options.SyncTimeout is negative")
	case pool.Config().ConnConfig.OnNotice == nil:
		return nil, errors.New("storage/postgres: Options.SynchronousCommit needs to hear the server's notices: " +
			"set ConnConfig.OnNotice of the pool's configuration to postgres.OnNotice")
	}
	return s, nil
}

// cutKey is where OnNotice marks a connection whose wait was cancelled.
const cutKey = "github.com/passport-go/passport/storage/postgres: wait cut"

// OnNotice is for the ConnConfig.OnNotice of a pool whose Store has
// Options.SynchronousCommit. PostgreSQL reports a commit whose wait for the standby was
// cancelled, for example by an administrator, as a success with a notice; OnNotice
// passes that on to the Store. If you have your own handler, call OnNotice from it.
func OnNotice(conn *pgconn.PgConn, n *pgconn.Notice) {
	// The server may translate the message, but not the name of the routine.
	if n.Severity != "ERROR" && (n.Routine == "SyncRepWaitForLSN" || strings.Contains(n.Message, "wait for synchronous replication")) {
		conn.CustomData()[cutKey] = true
	}
}

// runner runs the statement of a verb. unproven says why a fail-over may undo its
// effect.
type runner func(ctx context.Context, statement func(querier) error) (unproven, err error)

// read is the runner of statements that need not survive a fail-over.
func (s *Store) read(ctx context.Context, statement func(querier) error) (unproven, err error) {
	return nil, s.run(ctx, statement)
}

// write is the runner of statements that must survive a fail-over.
func (s *Store) write(ctx context.Context, statement func(querier) error) (unproven, err error) {
	if s.standby == nil {
		return s.read(ctx, statement)
	}
	if s.standby.away() {
		return errAway, s.run(ctx, statement)
	}
	transaction := inBatch
	err = patiently(ctx, func() error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		unproven, err = s.standby.watch(ctx, conn.Conn(), func(wait waitQuery) (standbys string, err error) {
			return transaction(ctx, conn.Conn(), wait, statement)
		})
		transaction = readCommitted // see run
		return err
	})
	return unproven, err
}

// away reports whether the next statement should not wait. While the standby is away,
// one statement a second checks whether it is back.
func (s *standby) away() bool {
	now, at := time.Now(), s.again.Load()
	return at != 0 && (now.UnixNano() < at || !s.again.CompareAndSwap(at, now.Add(syncPause).UnixNano()))
}

// watch runs a transaction, cancels its wait after the bound, and returns why it is
// unproven, if it is. The standby counts as away only after a wait of the full length:
// a wait that the caller's deadline cut short proves nothing.
func (s *standby) watch(ctx context.Context, conn *pgx.Conn, transaction func(waitQuery) (string, error)) (unproven, err error) {
	delete(conn.PgConn().CustomData(), cutKey)
	bound := s.timeout
	if until, ok := ctx.Deadline(); ok { // the answer must come before it
		bound = min(bound, time.Until(until)/2)
	}
	stop := cancelAfter(bound, conn.PgConn())
	standbys, err := transaction(waitQuery{level: s.level})
	cancelled := stop()
	_, cut := conn.PgConn().CustomData()[cutKey]
	switch {
	case cancelled || cut || ctx.Err() != nil:
		if cancelled && bound == s.timeout {
			s.again.Store(time.Now().Add(syncPause).UnixNano())
		}
		return errCut, err
	case standbys == "":
		return errNoStandby, err
	case err == nil || errors.Is(err, pgx.ErrNoRows):
		s.again.Store(0)
	}
	return nil, err
}

// cancelAfter asks the server, after a time, to cancel what conn waits for. stop
// reports whether it did, and returns only when no request is in flight.
func cancelAfter(bound time.Duration, conn *pgconn.PgConn) (stop func() bool) {
	done := make(chan struct{})
	timer := time.AfterFunc(bound, func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
		defer cancel()
		_ = conn.CancelRequest(ctx) // the caller's deadline ends the wait then
	})
	return func() bool {
		if timer.Stop() {
			return false
		}
		<-done
		return true
	}
}

// waitQuery sets the level for its transaction, returns which standbys the server
// waits for, and writes something to wait for.
type waitQuery struct{ level SynchronousCommit }

const waitSQL = `SELECT current_setting('synchronous_standby_names'), set_config('synchronous_commit', $1, true), ` +
	`pg_logical_emit_message(true, 'passport', '')::text`

func (w waitQuery) scan(row pgx.Row) (standbys string, err error) {
	var level, position string
	err = row.Scan(&standbys, &level, &position)
	return standbys, err
}

// inBatch sends a statement in one round trip, as a transaction of its own.
func inBatch(ctx context.Context, conn *pgx.Conn, wait waitQuery, statement func(querier) error) (standbys string, err error) {
	b := &batch{conn: conn, wait: wait}
	err = statement(b)
	if b.results == nil {
		return "", err
	}
	// The commit comes with the end of the batch.
	if closeErr := b.results.Close(); err == nil || errors.Is(err, pgx.ErrNoRows) {
		err = cmp.Or(closeErr, err)
	}
	return b.standbys, err
}

// batch is a querier of one statement.
type batch struct {
	conn     *pgx.Conn
	wait     waitQuery
	results  pgx.BatchResults
	standbys string
}

func (b *batch) send(ctx context.Context, sql string, args []any) (err error) {
	both := &pgx.Batch{}
	both.Queue(waitSQL, string(b.wait.level))
	both.Queue(sql, args...)
	b.results = b.conn.SendBatch(ctx, both)
	b.standbys, err = b.wait.scan(b.results.QueryRow())
	return err
}

func (b *batch) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := b.send(ctx, sql, args); err != nil {
		return pgconn.CommandTag{}, err
	}
	return b.results.Exec()
}

func (b *batch) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := b.send(ctx, sql, args); err != nil {
		return nil, err
	}
	return b.results.Query()
}

func (b *batch) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := b.send(ctx, sql, args); err != nil {
		return failedRow{err}
	}
	return b.results.QueryRow()
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// readCommitted is inBatch for a statement that failed because of another transaction.
func readCommitted(ctx context.Context, conn *pgx.Conn, wait waitQuery, statement func(querier) error) (standbys string, err error) {
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		var err error
		if standbys, err = wait.scan(tx.QueryRow(ctx, waitSQL, string(wait.level))); err != nil {
			return err
		}
		return statement(tx)
	})
	return standbys, err
}

// unsafeError is an outcome that a fail-over may undo. answer is nil if the statement
// succeeded.
type unsafeError struct{ answer, why error }

func (e *unsafeError) Error() string {
	text := fmt.Sprintf("storage/postgres: %v: %v", storage.ErrNotReplicated, e.why)
	if e.answer != nil {
		text = e.answer.Error() + "; " + text
	}
	return text
}

func (e *unsafeError) Unwrap() []error {
	all := []error{storage.ErrNotReplicated, e.why}
	if e.answer != nil {
		all = append(all, e.answer)
	}
	return all
}

// proven adds to an outcome why a fail-over may undo it.
func proven(answer, unproven error) error {
	if unproven == nil {
		return answer
	}
	return &unsafeError{answer, unproven}
}

// carriedOut reports whether the only thing wrong with a write is that a fail-over may
// undo it.
func carriedOut(err error) bool {
	unsafe := (*unsafeError)(nil)
	return errors.As(err, &unsafe) && unsafe.answer == nil
}

// asConflict turns ErrNotFound into ErrConflict: somebody else has written the row.
func asConflict(err error) error {
	unsafe := (*unsafeError)(nil)
	if errors.As(err, &unsafe) {
		return &unsafeError{storage.ErrConflict, unsafe.why}
	}
	return storage.ErrConflict
}
