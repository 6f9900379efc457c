// Package bolt keeps sessions in one file, a [bbolt] database. It is for a program
// that runs as a single process and whose users stay signed in when it restarts.
//
// # What it needs
//
// A path on a local file system (not a network file system: the file is mapped into
// memory and locked), in a directory that only the program's user can write to. Only
// one process can have the file open at a time; to share sessions between processes,
// use storage/redis or storage/postgres. Disk space for twice the number of live
// sessions, at about 5 KB each, is plenty.
//
// # What survives what
//
//   - A restart, a crash, SIGKILL: the file contains the effect of every call that
//     has returned. A call in progress has taken effect completely or not at all.
//   - A power cut: the same, if the disk honours fsync.
//   - A full disk, or Options.MaxSize reached: new sessions fail with
//     [storage.ErrFull]. Existing sessions can be read, refreshed and logged out,
//     because the file reserves space for that.
//   - A damaged file: Open refuses a file that is truncated or not a database. Calls
//     that meet damage inside the file return an error, and others still work; a
//     single record that does not match its checksum counts as absent. bbolt does not
//     detect all damage to its pages, so restore a damaged file instead of using it.
//
// Each write removes a few expired records, so the store has no goroutine, and the
// file stops growing once as many sessions expire as begin. It never shrinks. To back
// it up, copy it while no process has it open, or pass New a database that you have
// opened and use Tx.WriteTo. Never write to the file or replace it while it is in use.
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
	_ storage.TokenStore        = (*Store)(nil)
	_ storage.Lister            = (*Store)(nil)
	_ storage.RevocationQueue   = (*Store)(nil)
	_ storage.RevocationCounter = (*Store)(nil)
)

// Options changes how a Store works. The zero value is a good choice.
type Options struct {
	// Prefix begins the names of the store's buckets, so that several stores,
	// or a store and the program's own data, can share a database. Empty means
	// "passport".
	Prefix string

	// Now is the clock by which records expire and revocations fall due. Nil means
	// time.Now.
	Now func() time.Time

	// Logger receives messages about damage in the file. Nil: nothing is logged.
	Logger *slog.Logger

	// LockTimeout is how long Open waits for another process to close the file,
	// such as the old instance while a new one starts. 0 means one second; a
	// negative value means not to wait. New ignores it.
	LockTimeout time.Duration

	// MaxSize limits the size of the file, in bytes: when nothing in it has
	// expired, a session that would make it larger fails with storage.ErrFull. The
	// file grows in steps of up to 16 MiB, and may stop that far short of the limit.
	// 0 means no limit but the disk's; Open refuses less than 1 MiB. New ignores it.
	MaxSize int
}

// Store is a storage.TokenStore in a bbolt database. It implements all optional
// interfaces of package storage except storage.Notifier, because only one process has
// the file open. It is safe for concurrent use. Reads do not wait for writes; concurrent
// writes share one fsync.
type Store struct {
	db      *bbolt.DB
	owned   bool // db is ours to close
	buckets buckets
	now     func() time.Time
	log     *slog.Logger

	group  groupCommit
	sweeps bool // whether writes sweep; only the writer that commits the group may use it

	// stopped, once set, is why every call fails.
	stopped atomic.Pointer[error]
}

// New returns a Store in a database that the caller has opened and will close. Like
// Open, it creates missing buckets, and refuses those of an unknown format. The
// caller decides who may read the file and how the database is tuned. While the
// caller keeps a read transaction open, the file grows.
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
		o.LockTimeout = 1 // to bbolt, 0 means to wait for ever
	}
	return o
}

var errClosed = errors.New("storage/bolt: the store is closed")

// Close waits for calls in progress and closes the file, unless the Store was made by
// New. Later calls return an error. Closing a Store again does nothing.
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

// ready returns an error if a call must not begin.
func (s *Store) ready(ctx context.Context) error {
	if reason := s.stopped.Load(); reason != nil {
		return *reason
	}
	return ctx.Err()
}
