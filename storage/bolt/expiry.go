package bolt

import (
	"bytes"
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// sweepPerWrite is how many expired records a write removes: more than the one it
// can add, so that sweeping catches up, and few enough not to slow it down.
const sweepPerWrite = 4

// sweep removes up to n expired records.
func (t *tx) sweep(n int) {
	for _, key := range t.past(t.expiries, nil, n) {
		t.expire(key)
	}
}

// createAmongExpired retries w, which failed with err for lack of space, after
// removing expired records. The sweep of w itself does not help: it is rolled back
// with w, so a file full of expired sessions would refuse every new one. Sweeping
// takes space too, so the batches grow with what has been freed, until w fits; it
// may need many contiguous pages, to fill the reserve again.
func (s *Store) createAmongExpired(w *write, err error) error {
	for n := sweepPerWrite; errors.Is(err, storage.ErrFull) && s.sweepAlone(n); n += sweepPerWrite {
		err = s.try([]*write{w})
	}
	return err
}

// sweepAlone removes up to n expired records, and reports whether there were any.
func (s *Store) sweepAlone(n int) bool {
	if !s.sweeps || s.ready(context.Background()) != nil {
		return false
	}
	sweep := func(t *tx) error {
		t.sweep(n)
		if t.failed == nil && !t.changed {
			return errUnchanged
		}
		return t.failed
	}
	err := s.update(sweep)
	if errors.Is(err, storage.ErrFull) && s.freeReserve() == nil {
		err = s.update(sweep)
	}
	return err == nil
}

// past returns the first keys, up to n, of an index by time that begin with prefix
// and whose time has passed.
func (t *tx) past(index, prefix []byte, n int) [][]byte {
	var keys [][]byte
	t.scan(index, prefix, func(key []byte) bool {
		rest, has := bytes.CutPrefix(key, prefix)
		at, _, ok := timeOf(rest)
		if !has || len(keys) == n || ok && t.now.Before(at) {
			return false
		}
		keys = append(keys, bytes.Clone(key))
		return true
	})
	return keys
}

// expire removes the expired record that the key of an index names. It removes the
// key even if the record is missing or damaged, since nothing else would.
func (t *tx) expire(key []byte) {
	t.delete(t.expiries, key)
	_, id, ok := timeOf(key)
	if !ok {
		return
	}
	r, err := t.get(string(id))
	switch {
	case err != nil:
		t.delete(t.records, id)
	case !t.now.Before(r.Expiry):
		t.remove(r)
	}
}
