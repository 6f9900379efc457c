//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/passport-go/passport/internal/privatefile"
)

// flock is replaced by a test.
var flock = syscall.Flock

// noLocks are the errors of file systems that have no locks: NFS without its lock
// service, Lustre without the option flock, some shared folders. ENOLCK may also be of a
// system that has no room for another lock, and passes.
var noLocks = []error{syscall.ENOLCK, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP}

func lock(path string) (*os.File, error) {
	file, err := privatefile.Open(path, os.O_RDWR|os.O_CREATE)
	if errors.Is(err, syscall.ESTALE) {
		return nil, stale(err)
	}
	if err != nil {
		return nil, err
	}
	err = flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return nil, errHeld
	}
	err = &os.PathError{Op: "flock", Path: path, Err: err}
	if errors.Is(err, syscall.ESTALE) {
		return nil, stale(err)
	}
	if slices.ContainsFunc(noLocks, func(none error) bool { return errors.Is(err, none) }) {
		return nil, fmt.Errorf("the file system has no locks, or no room for one: use a path on another one, such as a local disk: %w", err)
	}
	return nil, err
}

// stale has the lock tried again. NFS says so of a file that another machine has removed
// meanwhile.
func stale(err error) error { return fmt.Errorf("%w (%w)", errHeld, err) }
