// Package file keeps one user's sessions on a desktop in a file of theirs: the
// store for games, launchers and command line programs. It is meant for a
// handful of sessions; a server has storage/bolt.
//
// # What it needs
//
// A path in a directory that only the user can write to, for the file, its lock
// (the path and ".lock") and, for a moment, the next version of it (".new").
// Several processes may use the file at once: a write takes the lock for the few
// milliseconds that it lasts, and a read needs none.
//
// # What survives what
//
//   - A restart, a crash, SIGKILL, a power cut: the file is replaced as a whole
//     by one that is on the disk already, so it is that of before or that of
//     after. What a call has returned is there.
//
//   - A full disk: a write that needs more room than the file has fails with
//     [storage.ErrFull], and the file stays as it was. One that needs no more,
//     such as a logout, is made in the file itself; then a power cut at that very
//     moment damages it.
//
//   - A damaged file: it counts as one without sessions, and Options.Logger is
//     told. The next write that has something to store moves it aside, to the path
//     and ".damaged", where it stays for you to look at and to delete. One that a
//     newer version of this package wrote is refused instead, and left alone.
//
//   - A copy of the file that is put back, from a backup or by another program of
//     the user: its sessions are back, unless the provider has ended them, also
//     those that were logged out since. Nothing in a file can tell that it is an
//     old one; Options.Pin can, in the keyring. A logout that has revoked its refresh token leaves such a session
//     with what its access token has left to live, an hour or so.
//
// When the last record is gone and no revocation is pending, the file is removed.
// Package native keeps one for thirty days after a logout, by which it knows
// whether that is complete.
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
	// Now tells the time by which records expire and revocations fall due. Nil means
	// time.Now.
	Now func() time.Time

	// Pin notices an old copy of the file that somebody has put back, which then
	// counts as damaged. Each call asks it. Nil means that nobody notices.
	Pin Pin

	// Logger is told of a damaged file. Nil means silence.
	Logger *slog.Logger

	// LockTimeout is how long a write waits for a process that keeps the lock and
	// does not go on. 0 means ten seconds; a negative value means not to wait.
	LockTimeout time.Duration
}

// Store is a session store in a file. It implements [storage.TokenStore],
// [storage.Lister] and [storage.RevocationQueue], may be used from many goroutines at
// once, and has nothing to close.
type Store struct{ *contract }

type contract = document.Store

// New returns the store in the file at path, which is created with the first
// session.
//
// The file is for the user alone, mode 0600: one that others may use is tightened
// to that before it is read. It has to be a regular file that belongs to the user
// or to root. So do its directory and the ones above, up to the user's home
// directory, and nobody else may be able to write to them, for they could put
// another file in the place of this one. A directory that is missing is created
// for the user alone, mode 0700. (On Windows access follows from the directory,
// and is left as it is.)
//
// A symbolic link at path, as tools for dotfiles make them, is followed once, by
// New: the file that it leads to is the one that is read, replaced and removed,
// and the link stays.
//
// On systems without file locks (js, plan9, solaris, aix) writes return
// errors.ErrUnsupported.
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

// prepare returns what path means whatever becomes of the working directory and
// of symbolic links, and makes its directory.
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
