package bolt

import (
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// bbolt never overwrites the pages of the last transaction, so even deleting takes
// free pages, and on a full disk nobody could log out. So the file reserves some
// pages. A write that finds no space frees them, unless it adds a session; a write
// that adds one reserves them again first.

// reserveSize is enough to turn a dozen sessions anywhere in the file into revocations
// at once. The space that this frees serves the next.
const reserveSize = 256 << 10

func (t *tx) fillReserve() {
	if t.Bucket(t.reserve).Get(reserveKey) == nil {
		t.put(t.reserve, reserveKey, make([]byte, reserveSize))
	}
}

// freeReserve frees the reserve. It needs no more than the pages that every commit
// leaves for the next.
func (s *Store) freeReserve() error {
	if err := s.ready(context.Background()); err != nil {
		return err
	}
	return s.update(func(t *tx) error {
		t.delete(t.reserve, reserveKey)
		return t.failed
	})
}

// oneByOneIfFull takes everything at once or, if there is no space for that, one by
// one until nothing is left.
func oneByOneIfFull[T any](take func(most int) ([]T, error)) ([]T, error) {
	all, err := take(unlimited)
	if !errors.Is(err, storage.ErrFull) {
		return all, err
	}
	for {
		one, err := take(1)
		if err != nil || len(one) == 0 {
			return all, err
		}
		all = append(all, one...)
	}
}
