// Package filelock is a lock between goroutines and between processes. The
// operating system gives it up when a process ends, however it ends.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/passport-go/passport/internal/privatefile"
)

// errHeld is what lock returns while another has the lock.
var errHeld = errors.New("held by another process")

// Lock is a lock that stands for a file. The file is created if it is missing,
// and so is its directory, for the user alone. It stays: removing it would let
// two have the lock, each of another file.
type Lock struct {
	path     string
	patience time.Duration
	turn     chan struct{} // among the goroutines that use this Lock
}

// New returns a lock for the file at path. No process is expected to keep it
// from the others for as long as patience.
func New(path string, patience time.Duration) *Lock {
	return &Lock{path: path, patience: patience, turn: make(chan struct{}, 1)}
}

// Acquire takes the lock, which the caller gives up by calling release. It
// returns the error of ctx if that is done before the lock is to be had, and says
// so if another process has it.
func (l *Lock) Acquire(ctx context.Context) (release func(), err error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	file, err := l.wait(ctx)
	if err != nil {
		<-l.turn
		return nil, err
	}
	return func() {
		file.Close()
		<-l.turn
	}, nil
}

// The system can wait for a lock too, but not for ctx meanwhile.
const (
	firstPause = time.Millisecond
	maxPause   = 16 * time.Millisecond
)

func (l *Lock) wait(ctx context.Context) (*os.File, error) {
	begun := time.Now()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		file, err := l.try()
		if !errors.Is(err, errHeld) {
			return file, err
		}
		if time.Since(begun) >= l.patience {
			return nil, fmt.Errorf("%s is %w, and stays so: end that process, or let it go on", l.path, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s is %w: %w", l.path, err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// try makes a directory that is missing: while the program runs, somebody may
// have cleaned up where it is, in a cache for example.
func (l *Lock) try() (*os.File, error) {
	if _, err := os.Lstat(l.path); errors.Is(err, fs.ErrNotExist) {
		if err := privatefile.MakeDir(filepath.Dir(l.path)); err != nil {
			return nil, err
		}
	}
	return lock(l.path)
}
