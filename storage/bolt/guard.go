package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt/internal/privatefile"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// errDamaged is returned for a record that does not match its checksum. Only that
// session ends.
var errDamaged = fmt.Errorf("storage/bolt: the record is damaged: %w", storage.ErrNotFound)

// errFileDamaged replaces bbolt's panics.
var errFileDamaged = errors.New("the file is damaged")

// bbolt panics on damaged pages, and reading pages that the disk cannot deliver is
// a fault. view and update turn both into errors. Usually the transaction has been
// rolled back by then, its locks are free, and the next one may succeed. If it has
// not, nothing may use the database again.

// view runs read in a read transaction.
func (s *Store) view(read func(*tx) error) (err error) {
	var b *bbolt.Tx
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer s.contain(&b, &err)

	b, err = s.db.Begin(false)
	if err != nil {
		return fmt.Errorf("storage/bolt: %w", err)
	}
	defer b.Rollback()
	return read(s.tx(b))
}

// update runs change in a write transaction, and commits it unless change
// returns an error.
func (s *Store) update(change func(*tx) error) (err error) {
	var b *bbolt.Tx
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer s.contain(&b, &err)

	var refused error
	err = s.db.Update(func(began *bbolt.Tx) error {
		b = began
		refused = change(s.tx(began))
		return refused
	})
	if err == nil || refused != nil {
		return refused
	}
	return databaseError(err)
}

func (s *Store) contain(tx **bbolt.Tx, err *error) {
	p := recover()
	if p == nil {
		return
	}
	damaged := fmt.Errorf("storage/bolt: %w (%v): %s", errFileDamaged, p, wayOut)
	s.log.Error(damaged.Error())
	if rolledBack := *tx != nil && (*tx).DB() == nil; !rolledBack {
		s.stopped.CompareAndSwap(nil, &damaged)
	}
	*err = damaged
}

// databaseError turns errors about missing space into storage.ErrFull.
func databaseError(err error) error {
	if privatefile.IsFull(err) || errors.Is(err, bbolterrors.ErrMaxSizeReached) {
		return fmt.Errorf("storage/bolt: %w: %w", storage.ErrFull, err)
	}
	return fmt.Errorf("storage/bolt: %w", err)
}
