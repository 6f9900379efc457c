package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

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

// Read needs no lock, because the file is only ever replaced as a whole.
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
	return io.ReadAll(file)
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
		if privatefile.IsFull(err) && len(contents) <= len(old) {
			err = f.overwrite(contents, len(old))
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
// can still log out. It pads contents with spaces, which JSON ignores, to the old
// length, so that a single write without a new block does it.
func (f *file) overwrite(contents []byte, length int) error {
	file, err := f.openPatiently(f.path, os.O_WRONLY)
	if err != nil {
		return err
	}
	spaces := bytes.Repeat([]byte(" "), length-len(contents))
	_, err = file.WriteAt(slices.Concat(contents, spaces), 0)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func (f *file) SetAside([]byte) error {
	if err := rename(f.path, f.path+".damaged"); err != nil {
		return fmt.Errorf("storage/file: %w", err)
	}
	return nil
}
