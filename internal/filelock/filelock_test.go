package filelock_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tempPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "lock")
}

func acquire(t *testing.T, l *filelock.Lock) (release func()) {
	t.Helper()
	release, err := l.Acquire(t.Context())
	require.NoError(t, err)
	return release
}

func TestOneAtATimeHasTheLock(t *testing.T) {
	path := tempPath(t)
	locks := []*filelock.Lock{filelock.New(path, time.Minute), filelock.New(path, time.Minute)}
	var inside atomic.Int32
	var workers sync.WaitGroup
	for i := range 8 {
		workers.Go(func() {
			for range 50 {
				release, err := locks[i%2].Acquire(t.Context())
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, int32(1), inside.Add(1))
				runtime.Gosched()
				inside.Add(-1)
				release()
			}
		})
	}
	workers.Wait()
}

func TestALockThatIsKeptIsAnErrorAfterAWhile(t *testing.T) {
	path := tempPath(t)
	release := acquire(t, filelock.New(path, time.Minute))
	other := filelock.New(path, 20*time.Millisecond)
	begun := time.Now()
	_, err := other.Acquire(t.Context())
	assert.ErrorContains(t, err, path+" is held by another process")
	assert.GreaterOrEqual(t, time.Since(begun), 20*time.Millisecond)

	release()
	acquire(t, other)()
}

func TestADoneContextEndsTheWait(t *testing.T) {
	path := tempPath(t)
	first := filelock.New(path, time.Hour)
	release := acquire(t, first)
	for name, lock := range map[string]*filelock.Lock{
		"for a goroutine": first,
		"for a process":   filelock.New(path, time.Hour),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := lock.Acquire(ctx)
		cancel()
		assert.ErrorIs(t, err, context.DeadlineExceeded, name)
		if name == "for a process" { // whoever gives up first, the program or the lock
			assert.ErrorContains(t, err, path+" is held by another process")
		}
	}
	release()
	acquire(t, first)()
}

func TestADoneContextNeverGetsTheLock(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // for a select picks at random
		_, err := filelock.New(tempPath(t), time.Minute).Acquire(ctx)
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestADirectoryThatIsMissingIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache", "passport")
	lock := filelock.New(filepath.Join(dir, "lock"), time.Minute)
	for range 2 {
		acquire(t, lock)()
		info, err := os.Stat(dir)
		require.NoError(t, err)
		if runtime.GOOS != "windows" { // where a mode says nothing of who may enter
			assert.Zero(t, info.Mode().Perm()&0o077)
		}
		require.NoError(t, os.RemoveAll(dir))
	}
}

func TestAFileThatCannotBeMadeIsAnError(t *testing.T) {
	file := tempPath(t)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := filelock.New(filepath.Join(file, "none", "lock"), time.Minute).Acquire(t.Context())
	var refused *fs.PathError
	assert.ErrorAs(t, err, &refused)
}
