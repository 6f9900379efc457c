package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/passport-go/passport/storage/bolt/internal/privatefile"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// minSize is the smallest MaxSize. A new file takes half of it.
const minSize = 1 << 20

const wayOut = "restore it from a backup, or move it out of the way and start without it: " +
	"every user signs in again, and revocations still enqueued are lost"

// Open opens the store in the file at path, and creates the file if there is none;
// its directory must exist. The caller closes the store.
//
// Only the program's user may access the file: Open sets its mode to 0600, and fails
// if it cannot. (On Windows, where access follows from the directory, Open leaves
// it as it is.) Open returns an error if another process has the file open, if the
// file is damaged, or if a newer version of this package wrote it.
func Open(path string, opts Options) (*Store, error) {
	if opts.MaxSize != 0 && opts.MaxSize < minSize {
		return nil, fmt.Errorf("storage/bolt: Options.MaxSize is %d: it must be 0 or at least %d bytes", opts.MaxSize, minSize)
	}
	opts = opts.withDefaults()
	path, err := privatefile.Resolve(path)
	if err != nil {
		return nil, fmt.Errorf("storage/bolt: %w", err)
	}
	db, err := openDatabase(path, opts)
	if err != nil {
		return nil, err
	}
	s := newStore(db, opts)
	s.owned = true
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openDatabase(path string, opts Options) (db *bbolt.DB, err error) {
	// Opening reads the list of free pages: in a damaged file that panics, and in a
	// truncated one it faults.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("storage/bolt: %s is damaged (%v): %s", path, p, wayOut)
		}
	}()

	var file *os.File
	var isNew bool
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      opts.LockTimeout,
		MaxSize:      opts.MaxSize,
		NoStatistics: true, // statistics take a lock in every read
		// It keeps contiguous free pages together, which a node of several pages
		// needs in a full file.
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, _ os.FileMode) (*os.File, error) {
			file, isNew, err = openPrivate(name, flag)
			return file, err
		},
	})
	if err != nil {
		return nil, explain(path, err)
	}
	err = checkLength(file, db)
	if err == nil && isNew {
		err = syncName(path)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openPrivate opens a file that only its owner may access. isNew reports whether it
// is empty.
func openPrivate(name string, flag int) (file *os.File, isNew bool, err error) {
	file, err = privatefile.Open(name, flag)
	if err != nil {
		return nil, false, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	return file, info.Size() == 0, nil
}

// checkLength returns an error if the file ends before its last page, on which a later
// read would fault.
func checkLength(file *os.File, db *bbolt.DB) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("storage/bolt: %w", err)
	}
	var want int64
	err = db.View(func(tx *bbolt.Tx) error {
		want = tx.Size()
		return nil
	})
	if err != nil {
		return fmt.Errorf("storage/bolt: %w", err)
	}
	if info.Size() < want {
		return fmt.Errorf("storage/bolt: %s is cut short, at %d bytes of %d: %s", file.Name(), info.Size(), want, wayOut)
	}
	return nil
}

// syncName makes the name of a new file durable.
func syncName(path string) error {
	if err := privatefile.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("storage/bolt: %w", err)
	}
	return nil
}

// explain adds what to do to bbolt's errors on opening a file.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("storage/bolt: %s is in use, by another process or by a store that this one has open: "+
			"stop the other, or share sessions between processes through storage/redis or storage/postgres: %w", path, err)
	case errors.As(err, new(*fs.PathError)), errors.As(err, new(syscall.Errno)):
		return fmt.Errorf("storage/bolt: %w", err)
	default:
		return fmt.Errorf("storage/bolt: %s is damaged or not a bbolt database (%w): %s", path, err, wayOut)
	}
}
