package bolt

import (
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// bbolt never writes over what the last transaction left, so deleting takes free
// pages too, and on a full disk nobody could log out. So the file keeps some
// pages occupied by nothing. A write that finds no room frees them, unless it
// adds a session; a write that adds one occupies them again first.

// reserveSize is enough to move a dozen sessions to the revocations at once, from
// wherever in the file they are. What that frees is room for the next.
const reserveSize = 256 << 10

func (t *tx) fillReserve() {
	if t.Bucket(t.reserve).Get(reserveKey) == nil {
		t.put(t.reserve, reserveKey, make([]byte, reserveSize))
	}
}

// freeReserve itself gets by with the pages that every commit leaves for the
// next.
func (s *Store) freeReserve() error {
	if err := s.ready(context.Background()); err != nil {
		return err
	}
	return s.update(func(t *tx) error {
		t.delete(t.reserve, reserveKey)
		return t.failed
	})
}

// oneByOneIfFull takes all at once, or where there is no room to take so many,
// one by one until there are no more.
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
