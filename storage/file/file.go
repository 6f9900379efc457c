// Package file keeps one user's sessions on a desktop in a file of theirs: the
// store for games, launchers and command line programs. It is meant for a few
// sessions; servers use storage/bolt.
//
// # What it needs
//
// A path in a directory that only the user can write to, for the file, its lock
// (the path and ".lock") and, briefly, its next version (".new"). Several processes
// may use the file at once: a write holds the lock for a few milliseconds, and a
// read needs no lock.
//
// # What survives what
//
//   - A restart, a crash, SIGKILL, a power cut: the file is replaced as a whole by
//     one that is already on the disk, so it is either the old or the new one. What
//     a call has returned is stored.
//
//   - A full disk: a write that needs more space than the file has fails with
//     [storage.ErrFull], and the file stays as it was. A write that needs no more,
//     such as a logout, is made in place; a crash or a power cut at that very moment
//     damages the file.
//
//   - A damaged file: it counts as having no sessions, and Options.Logger is told.
//     The next write that stores something moves it to the path and ".damaged",
//     where you can examine and delete it. A file that a newer version of this
//     package wrote is refused instead, and left alone.
//
//   - An old copy of the file that is restored, from a backup or by another program
//     of the user: its sessions are back, including those that were logged out
//     since, unless the provider has ended them. Nothing in a file shows that it is
//     old; Options.Pin does, in the keyring. If the logout revoked the refresh
//     token, such a session can only use its access token until that expires, after
//     about an hour.
//
// When the last record is gone and no revocation is pending, the file is removed.
// Package native keeps one record for thirty days after a logout, to know whether
// the logout is complete.
package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/internal/privatefile"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
)

var (
	_ storage.TokenStore      = (*Store)(nil)
	_ storage.Lister          = (*Store)(nil)
	_ storage.RevocationQueue = (*Store)(nil)
)

// Options changes how a Store works. The zero value is a good choice.
type Options struct {
	// Now is the clock for the expiry of records and the due times of revocations.
	// Nil means time.Now.
	Now func() time.Time

	// Pin detects a restored old copy of the file, which then counts as damaged.
	// Each call uses it. Nil: old copies are not detected.
	Pin Pin

	// Logger receives messages about a damaged file. Nil: nothing is logged.
	Logger *slog.Logger

	// LockTimeout is how long a write waits for a process that holds the lock. 0
	// means ten seconds; a negative value means not to wait.
	LockTimeout time.Duration
}

// Store is a session store in a file. It implements [storage.TokenStore],
// [storage.Lister], [storage.RevocationQueue] and [storage.RevocationCounter], may be
// used from many goroutines at once, and has nothing to close.
type Store struct{ *contract }

type contract = document.Store

// New returns the store in the file at path, which is created with the first
// session.
//
// Only the user may access the file, which has mode 0600: if it has another mode, it is
// changed before the file is read. It must be a regular file that belongs to the user or
// to root. Its directory and the ones above, up to the user's home directory, must
// belong to them too, and nobody else may be able to write to them, since they could
// replace the file. A missing directory is created with mode 0700. (On Windows access
// follows from the directory, and is not changed.)
//
// New follows a symbolic link at path, as made by dotfile managers: the file that it
// points to is read, replaced and removed, and the link stays.
//
// On systems and file systems without file locks (js, plan9, solaris, aix; some shared
// folders) writes return errors.ErrUnsupported; on NFS without its lock service they fail
// too, with syscall.ENOLCK.
func New(path string, opts Options) (*Store, error) {
	if path == "" {
		return nil, errors.New("storage/file: New: path is empty: name a file in a directory of the user's, such as one in os.UserConfigDir")
	}
	path, err := prepare(path)
	if err != nil {
		return nil, fmt.Errorf("storage/file: %w", err)
	}
	opts = opts.withDefaults()
	f := newFile(path, filelock.New(path+".lock", opts.LockTimeout))
	f.pin, f.logger = opts.Pin, opts.Logger
	store, err := document.New(context.Background(), f, document.Options{
		Name:   "storage/file: " + path,
		Now:    opts.Now,
		Logger: opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	return &Store{store}, nil
}

// prepare returns path as an absolute path with symbolic links resolved, and creates
// its directory.
func prepare(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if path, err = privatefile.Resolve(path); err != nil {
		return "", err
	}
	return path, privatefile.PrepareDir(filepath.Dir(path))
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = 10 * time.Second
	}
	return o
}
