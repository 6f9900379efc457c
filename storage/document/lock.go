package document

import (
	"context"
	"time"

	"github.com/passport-go/passport/internal/filelock"
)

// Lock is for a Backend whose place cannot make other processes wait: a lock on a
// file beside it. The operating system releases it when the process ends, however
// it ends. It may be used from many goroutines at once.
type Lock struct{ file *filelock.Lock }

// NewLock returns a lock on the file at path. The file is created if it is
// missing, and so is its directory, for the user alone; it is never removed.
// Acquire fails if another process holds the lock for longer than timeout.
func NewLock(path string, timeout time.Duration) *Lock {
	return &Lock{filelock.New(path, timeout)}
}

// Acquire takes the lock. The caller must call release. If ctx is done first, it
// returns the error of ctx.
func (l *Lock) Acquire(ctx context.Context) (release func(), err error) {
	return l.file.Acquire(ctx)
}
