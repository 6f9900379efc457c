// Package bolt keeps sessions in one file on this machine. It is the store for
// a program that runs as one process and whose users stay signed in when it is
// restarted. The file is a [bbolt] database.
//
// # What it needs
//
// A path on a local file system (the file is mapped into memory and locked, so
// no network file system), in a directory that nobody but the program's user
// can write to, and that one process has the file open at a time. Several
// processes share sessions through storage/redis or storage/postgres instead.
// Room on the disk for twice the live sessions, about 5 KB each, is plenty.
//
// # What survives what
//
//   - A restart, a crash, SIGKILL: whatever a call has returned is in the file.
//     A call that was under way has happened as a whole or not at all.
//   - A power cut: the same, if the disk does what fsync asks of it.
//   - A full disk, or Options.MaxSize reached: new sessions are refused with
//     [storage.ErrFull]. Those that are stored can be read, refreshed and logged
//     out, for the file sets some room aside for just that.
//   - A damaged file: one that is cut short or is not a database is refused by
//     Open. Damage inside it makes the calls that meet it return an error, and
//     others go on; a single record that does not match its checksum counts as
//     absent. bbolt does not see all damage to its pages, so restore such a file
//     rather than keep writing to it.
//
// Expired records are removed a few at a time by the writes that come after
// them, so the store has no goroutine of its own and the file stops growing once
// as many sessions expire as begin. It never shrinks. To back it up, copy it while
// no process has it open, or hand New a database of your own and use its
// Tx.WriteTo; never write to it or copy over it while it is in use.
//
// [bbolt]: https://pkg.go.dev/go.etcd.io/bbolt
package bolt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/storage"
	"go.etcd.io/bbolt"
)

var (
	_ storage.TokenStore      = (*Store)(nil)
	_ storage.Lister          = (*Store)(nil)
	_ storage.RevocationQueue = (*Store)(nil)
)

// Options changes how a Store works. The zero value is a good choice.
type Options struct {
	// Prefix starts the names of the store's buckets, so that several stores,
	// or a store and the program's own data, can share a database. Empty means
	// "passport".
	Prefix string

	// Now tells the time by which records expire and revocations fall due. Nil means
	// time.Now.
	Now func() time.Time

	// Logger is told of damage in the file. Nil means silence.
	Logger *slog.Logger

	// LockTimeout is how long Open waits for another process to let go of the
	// file, as it does when a new instance starts before the old one has ended.
	// 0 means one second; a negative value means not to wait. New ignores it.
	LockTimeout time.Duration

	// MaxSize bounds the file, in bytes: a session that would make it larger is
	// refused with storage.ErrFull, once nothing in the file has expired. The file grows in steps of up to 16 MiB, and
	// stops short of the bound by as much. 0 means no bound but the disk's; less
	// than 1 MiB is refused. New ignores it.
	MaxSize int
}

// Store is a session store in a bbolt database. It may be used from many
// goroutines at once. Reads share the file with a write under way and wait for
// none; writes that come in together share one fsync.
type Store struct {
	db      *bbolt.DB
	owned   bool // db is ours to close
	buckets buckets
	now     func() time.Time
	log     *slog.Logger

	group  groupCommit
	sweeps bool // whether writes sweep; belongs to whoever has the group's turn

	// stopped, once set, is why every call fails.
	stopped atomic.Pointer[error]
}

// New returns a Store in a database that the caller has opened and will close.
// Like Open it creates the buckets that are missing, and refuses those of a
// format it does not know. Who may read the file, and how the database is
// tuned, is up to the caller; a read transaction that the caller keeps open for
// long makes the file grow meanwhile.
func New(db *bbolt.DB, opts Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("storage/bolt: New: db is nil: pass an open database, or call Open with a path")
	}
	s := newStore(db, opts.withDefaults())
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(db *bbolt.DB, opts Options) *Store {
	return &Store{
		db:      db,
		buckets: namesOf(opts.Prefix),
		now:     opts.Now,
		log:     opts.Logger,
		group:   newGroupCommit(),
		sweeps:  true,
	}
}

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = "passport"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.LockTimeout == 0:
		o.LockTimeout = time.Second
	case o.LockTimeout < 0:
		o.LockTimeout = 1 // the shortest that bbolt does not take for "wait for ever"
	}
	return o
}

var errClosed = errors.New("storage/bolt: the store is closed")

// Close waits for the calls under way and closes the file, unless the database
// was handed to New. Calls that come later return an error. Closing a Store
// twice does nothing.
func (s *Store) Close() error {
	reason := errClosed
	stopped := s.stopped.Swap(&reason)
	if !s.owned || stopped != nil {
		return nil // if bbolt has stopped with its locks held, it would wait for them
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("storage/bolt: close: %w", err)
	}
	return nil
}

// ready reports why a call must not begin.
func (s *Store) ready(ctx context.Context) error {
	if reason := s.stopped.Load(); reason != nil {
		return *reason
	}
	return ctx.Err()
}
