package bolt

import "bytes"

// sweepPerWrite is how many expired records a write removes: more than the one
// it can add, so that the removing catches up, and few enough that nobody waits
// for it.
const sweepPerWrite = 4

// sweep removes up to n expired records.
func (t *tx) sweep(n int) {
	for _, key := range t.past(t.expiries, n) {
		t.expire(key)
	}
}

// past returns the first keys, up to n, of an index by time whose time has come.
func (t *tx) past(index []byte, n int) [][]byte {
	var keys [][]byte
	t.scan(index, nil, func(key []byte) bool {
		at, _, ok := timeOf(key)
		if len(keys) == n || ok && t.now.Before(at) {
			return false
		}
		keys = append(keys, bytes.Clone(key))
		return true
	})
	return keys
}

// expire removes the record that the key leads to. The key may be all that is
// left of it, or the record damaged, and nothing but this would remove it.
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
