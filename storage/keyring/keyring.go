// Package keyring keeps one user's sessions on a desktop in the keyring of the
// operating system: Keychain on macOS, Credential Manager on Windows, the Secret
// Service (GNOME Keyring, KWallet) on Linux and the BSDs. It is meant for a few
// sessions; where there is no keyring, use storage/file.
//
// # What it needs
//
// A keyring that is unlocked, or that the user unlocks when the system asks: a call
// waits for that until its context is done, and a minute at most. Otherwise it
// returns [ErrLocked], and further calls fail at once until the keyring is
// unlocked. [ErrNoKeyring] reports that there is no keyring; the package does not
// start one. It also needs a place for an empty lock file, so that processes of the
// program do not write at the same time. Every call goes to the keyring, which
// takes milliseconds.
//
// # What survives what
//
//   - A restart of the program and of the machine: everything.
//   - A crash, SIGKILL: new sessions are written beside the old ones, and then
//     replace them in one step, so either the old or the new ones remain. The next
//     write removes what a crash has left behind.
//   - A keyring that does not answer, or that the user keeps locked: an error.
//   - Damaged sessions, for example by another program: they count as none, and
//     Options.Logger is told. The next write replaces them.
//   - Other programs of the user: on most systems they can read what is in the
//     keyring without asking.
//
// When the last record is gone and no revocation is pending, the keyring holds
// nothing of the program any more, but for a key that [Key] has made. Package
// native keeps one record for thirty days after a logout, by which it knows
// whether that is complete. [Remove] is for an uninstaller.
package keyring

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

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

	// Logger receives messages about damaged sessions. Nil: nothing is logged.
	Logger *slog.Logger

	// LockFile is the path of the lock file. A missing directory is created, for
	// the user only. Empty means one named for service and user in the directory
	// passport of os.UserCacheDir.
	LockFile string

	// LockTimeout is how long a call waits for a process that holds the lock, which
	// may be waiting for the user to unlock the keyring. 0 means a minute; a
	// negative value means not to wait.
	LockTimeout time.Duration

	// UnlockTimeout is how long a call waits for the user to unlock the keyring,
	// unless its context is done first: then it returns ErrLocked. 0 means a
	// minute.
	UnlockTimeout time.Duration
}

// Store is a session store in a keyring. It implements [storage.TokenStore],
// [storage.Lister], [storage.RevocationQueue] and [storage.RevocationCounter], may be
// used from many goroutines at once, and has nothing to close.
type Store struct{ *contract }

type contract = document.Store

// maxName bounds the length of service and user together: on macOS they share the space
// of an item with its value.
const maxName = 256

// New returns the store under service and user. service is the program's name, as the
// user sees it in the keyring; user distinguishes the accounts, or the environments,
// of one program. New reads the keyring, so the system may ask the user to unlock it;
// ctx bounds the wait for that. Errors: ErrLocked, ErrNoKeyring, the error of ctx.
func New(ctx context.Context, service, user string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	r, err := newRing(service, user, opts)
	if err != nil {
		return nil, err
	}
	store, err := document.New(ctx, r, document.Options{
		Name:   "storage/keyring",
		Now:    opts.Now,
		Logger: opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	return &Store{store}, nil
}

// newRing returns the ring that New and Key use.
func newRing(service, user string, opts Options) (*ring, error) {
	if service == "" || user == "" {
		return nil, errors.New("storage/keyring: service and user must not be empty")
	}
	if len(service)+len(user) > maxName {
		return nil, fmt.Errorf("storage/keyring: service and user must not be longer than %d bytes together", maxName)
	}
	if opts.LockFile == "" {
		path, err := defaultLockFile(service, user)
		if err != nil {
			return nil, fmt.Errorf("storage/keyring: no place for the lock file, set Options.LockFile: %w", err)
		}
		opts.LockFile = path
	}
	return &ring{items: systemItems(service), user: user, lock: document.NewLock(opts.LockFile, opts.LockTimeout), patience: opts.UnlockTimeout}, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Minute
	}
	if o.UnlockTimeout <= 0 {
		o.UnlockTimeout = time.Minute
	}
	return o
}

// defaultLockFile hashes the names, because they may not be valid file names.
func defaultLockFile(service, user string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(service + "\x00" + user))
	return filepath.Join(cache, "passport", fmt.Sprintf("%x.lock", sum[:8])), nil
}
