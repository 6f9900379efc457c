package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/internal/privatefile"
	"github.com/passport-go/passport/storage"
)

// file is a file that is replaced as a whole. It implements document.Backend.
type file struct {
	path string
	lock *filelock.Lock
	open func(name string, flag int) (*os.File, error) // privatefile.Open

	pin    Pin // or nil
	logger *slog.Logger
}

func newFile(path string, lock *filelock.Lock) *file {
	return &file{path: path, lock: lock, open: privatefile.Open, logger: slog.New(slog.DiscardHandler)}
}

// Read needs no lock, because the file is replaced as a whole; see overwrite for the
// exception.
func (f *file) Read(ctx context.Context) ([]byte, error) {
	contents, err := f.readCurrent(ctx)
	if err != nil {
		return nil, fmt.Errorf("storage/file: %w", err)
	}
	return contents, nil
}

func (f *file) read() (contents []byte, err error) {
	err = patiently(func() (err error) {
		contents, err = f.readOnce()
		return err
	})
	return contents, err
}

func (f *file) readOnce() ([]byte, error) {
	file, err := f.open(f.path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readStable(file)
}

// overwritten is the first byte of a file that is being overwritten.
const overwritten = '!'

// overwriteTime is longer than it takes to overwrite a file.
const overwriteTime = 100 * time.Millisecond

// readStable reads a file that may be overwritten meanwhile, until two reads in a row
// agree: the second begins after the end of the first, and so sees what was written
// between its pages. A file that has been cut off in the middle stays as it is.
func readStable(file *os.File) ([]byte, error) {
	var before []byte
	begun := time.Now()
	for pause := time.Millisecond; ; pause *= 2 {
		contents, err := io.ReadAll(io.NewSectionReader(file, 0, math.MaxInt64))
		if err != nil {
			return nil, err
		}
		unfinished := len(contents) > 0 && contents[0] == overwritten
		switch {
		case unfinished && time.Since(begun) > overwriteTime:
			return contents, nil
		case unfinished:
			time.Sleep(pause)
		case bytes.Equal(contents, before):
			return contents, nil
		}
		before = contents
	}
}

func (f *file) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	release, err := f.lock.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("storage/file: %w", err)
	}
	defer release()
	old, err := f.Read(ctx)
	if err != nil {
		return err
	}
	contents, err := change(old)
	if err != nil || bytes.Equal(old, contents) {
		return err
	}
	err = f.pinned(ctx, old, contents, func() error {
		err := f.replace(contents)
		if privatefile.IsFull(err) && 0 < len(contents) && len(contents) <= len(old) {
			err = f.overwrite(old, contents)
		}
		return err
	})
	switch {
	case privatefile.IsFull(err):
		return fmt.Errorf("storage/file: %w: %w", storage.ErrFull, err)
	case err != nil:
		return fmt.Errorf("storage/file: %w", err)
	}
	return nil
}

func (f *file) replace(contents []byte) error {
	if len(contents) == 0 {
		return errors.Join(remove(f.path), privatefile.SyncDir(filepath.Dir(f.path)))
	}
	next := f.path + ".new"
	if err := f.write(next, contents); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	if err := rename(next, f.path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return privatefile.SyncDir(filepath.Dir(f.path))
}

// write creates a file that is on disk when it returns. The caller holds the lock, so an
// existing file was left by a process that crashed.
func (f *file) write(path string, contents []byte) error {
	if err := remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := f.openPatiently(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = file.Write(contents)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// overwrite is for a full disk, where there is no space for a second file, so that users
// can still log out. It pads contents with spaces, which JSON ignores, to the length of
// old, so that no new block is needed. Readers, who have no lock, know the file by its
// first byte meanwhile.
func (f *file) overwrite(old, contents []byte) error {
	file, err := f.openPatiently(f.path, os.O_WRONLY)
	if err != nil {
		return err
	}
	padded := slices.Concat(contents, bytes.Repeat([]byte(" "), len(old)-len(contents)))
	err = writeAllAt(file, []byte{overwritten}, 0)
	if err == nil {
		err = writeAllAt(file, padded[1:], 1)
	}
	if err == nil {
		err = writeAllAt(file, padded[:1], 0)
	}
	if err != nil { // there are file systems that need new blocks all the same
		err = errors.Join(err, writeAllAt(file, old[1:], 1), writeAllAt(file, old[:1], 0))
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func writeAllAt(file *os.File, b []byte, offset int64) error {
	_, err := file.WriteAt(b, offset)
	return err
}

func (f *file) SetAside([]byte) error {
	if err := rename(f.path, f.path+".damaged"); err != nil {
		return fmt.Errorf("storage/file: %w", err)
	}
	return nil
}
