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

// A statement that is to survive a fail-over is sent together with one that sets
// synchronous_commit for their transaction, in one batch and so in one round trip.
// At its commit the server waits for the standby, for as long as that takes: no
// time-out of the server's ends the wait. So the store cancels it after its bound.
// The transaction is committed nevertheless; the server says so in a notice and
// reports success.
//
// A transaction that writes nothing waits for nothing. So one that found nothing to
// delete, say, writes a message to the log that nobody reads: a logout that is tried
// again is about what an earlier one has removed.

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

	// cancelTimeout bounds a request to cancel, which has a connection of its own.
	cancelTimeout = 5 * time.Second

	// syncPause is for how long statements do not wait after one has waited in vain.
	syncPause = time.Second
)

var (
	errAway      = errors.New("the standby has not confirmed a commit lately")
	errCut       = errors.New("the standby has not confirmed it in time")
	errNoStandby = errors.New("the server has no synchronous standby: set synchronous_standby_names")
)

// standby is the one that a Store waits for. A nil one waits for none.
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

// cutKey is where OnNotice leaves word for the connection's user.
const cutKey = "github.com/passport-go/passport/storage/postgres: wait cut"

// OnNotice is for the ConnConfig.OnNotice of a pool whose Store has
// Options.SynchronousCommit. PostgreSQL reports a commit whose wait for the standby was
// cancelled, by an administrator say, as a success with a notice; OnNotice passes that
// on to the Store. A program with a handler of its own calls OnNotice from it.
func OnNotice(conn *pgconn.PgConn, n *pgconn.Notice) {
	// The message is translated; the place in the source is not.
	if n.Severity != "ERROR" && (n.Routine == "SyncRepWaitForLSN" || strings.Contains(n.Message, "wait for synchronous replication")) {
		conn.CustomData()[cutKey] = true
	}
}

// runner runs the statement of a verb. unproven says why a fail-over may undo what the
// statement has done, or found.
type runner func(ctx context.Context, statement func(querier) error) (unproven, err error)

// read is the runner of what need not survive a fail-over.
func (s *Store) read(ctx context.Context, statement func(querier) error) (unproven, err error) {
	return nil, s.run(ctx, statement)
}

// write is the runner of what has to.
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

// away reports whether the next statement need not wait. While the standby is away, one
// statement a second finds out whether it is back.
func (s *standby) away() bool {
	now, at := time.Now(), s.again.Load()
	return at != 0 && (now.UnixNano() < at || !s.again.CompareAndSwap(at, now.Add(syncPause).UnixNano()))
}

// watch runs a transaction, cancels its wait after the bound, and says what the wait
// has proven. Only a wait that took as long as it may tells of the standby: a caller
// who goes away tells nothing.
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

// cancelAfter asks the server to cancel what conn waits for, after a time. stop reports
// whether it has; nothing of it is on the way after that.
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

// waitQuery sets the level for its transaction, tells which standbys the server waits
// for, and writes something to wait for.
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

// readCommitted is inBatch for a statement that the server has turned away.
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

// unsafeError is an answer that a fail-over may undo; nil: that all went well.
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

// proven adds to an answer why a fail-over may undo it.
func proven(answer, unproven error) error {
	if unproven == nil {
		return answer
	}
	return &unsafeError{answer, unproven}
}

// carriedOut reports whether the error is of a write that a fail-over may undo, and no
// more.
func carriedOut(err error) bool {
	unsafe := (*unsafeError)(nil)
	return errors.As(err, &unsafe) && unsafe.answer == nil
}

// asConflict makes a conflict of an answer that there is no record: the row that was
// to be written is another's.
func asConflict(err error) error {
	unsafe := (*unsafeError)(nil)
	if errors.As(err, &unsafe) {
		return &unsafeError{storage.ErrConflict, unsafe.why}
	}
	return storage.ErrConflict
}
