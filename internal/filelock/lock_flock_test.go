//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Without a lock, updates of another process would be lost.
func TestAFileSystemWithoutLocksIsSaid(t *testing.T) {
	t.Cleanup(func() { flock = syscall.Flock })
	path := filepath.Join(t.TempDir(), "lock")
	for _, refused := range []syscall.Errno{syscall.ENOLCK, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP} {
		flock = func(int, int) error { return refused }
		_, err := New(path, time.Minute).Acquire(t.Context())
		require.ErrorIs(t, err, refused)
		assert.Equal(t, refused != syscall.ENOLCK, errors.Is(err, errors.ErrUnsupported), "that one may pass")
		assert.ErrorContains(t, err, path)
		assert.ErrorContains(t, err, "use a path on another one")
	}
	flock = syscall.Flock
	release, err := New(path, time.Minute).Acquire(t.Context())
	require.NoError(t, err)
	release()
}

// On NFS, another machine may remove the file in that moment, with the cache that it is in.
func TestALockThatGoesStaleIsTriedAgain(t *testing.T) {
	t.Cleanup(func() { flock = syscall.Flock })
	flock = func(fd, how int) error {
		flock = syscall.Flock
		return syscall.ESTALE
	}
	lock := New(filepath.Join(t.TempDir(), "lock"), time.Minute)
	release, err := lock.Acquire(t.Context())
	require.NoError(t, err)
	release()

	flock = func(int, int) error { return syscall.ESTALE }
	lock = New(filepath.Join(t.TempDir(), "lock"), time.Millisecond)
	_, err = lock.Acquire(t.Context())
	assert.ErrorIs(t, err, syscall.ESTALE, "it stays so")
}

// Otherwise a program that runs once under sudo would lock the user out of its lock.
func TestRootMakesNoLockInAUsersDirectory(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(dir, 0o500)) // the system refuses
	} else if err := os.Chown(dir, 1000, 1000); err != nil {
		require.NoError(t, err)
	}
	for _, path := range []string{filepath.Join(dir, "passport-test", "lock"), filepath.Join(dir, "passport-test.lock")} {
		_, err := New(path, time.Minute).Acquire(t.Context())
		require.ErrorIs(t, err, fs.ErrPermission)
		assert.NoFileExists(t, path)
		assert.NoDirExists(t, filepath.Join(dir, "passport-test"))
	}
}
