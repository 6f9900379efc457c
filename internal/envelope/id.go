package envelope

import (
	"crypto/subtle"
	"sync/atomic"

	"github.com/passport-go/passport/storage"
)

// IDs remembers the IDs of sessions that are in use, for with a store in this
// process the hash is the better part of a look-up. What it holds are secrets:
// it compares them in constant time, and nobody can see into it. The caller
// tells it of sessions that were found alive, so that no flood of made-up
// secrets drives those out, and forgets one when its session is found gone.
//
// The zero value is empty. It may be used from many goroutines at once. A nil
// IDs remembers nothing.
type IDs struct {
	slots [memoSlots]atomic.Pointer[derived] // the newest of those that share one
}

type derived struct {
	secret [IDLength]byte
	id     string
}

func (d *derived) isFrom(secret string) bool {
	return d != nil && subtle.ConstantTimeCompare(d.secret[:], []byte(secret)) == 1
}

// Session returns the ID of t's session with that secret, and whether it was
// remembered. All calls have the same t.
func (m *IDs) Session(t *Tenant, secret string) (id string, remembered bool) {
	if m != nil {
		if d := m.slots[memoSlot(secret)].Load(); d.isFrom(secret) {
			return d.id, true
		}
	}
	return t.ID(storage.KindSession, secret), false
}

// Remember keeps the id of a session that lives.
func (m *IDs) Remember(secret, id string) {
	if m == nil || len(secret) != IDLength {
		return
	}
	d := &derived{id: id}
	copy(d.secret[:], secret)
	m.slots[memoSlot(secret)].Store(d)
}

// Forget drops the secret of a session that has ended.
func (m *IDs) Forget(secret string) {
	if m == nil {
		return
	}
	slot := &m.slots[memoSlot(secret)]
	if d := slot.Load(); d.isFrom(secret) {
		slot.CompareAndSwap(d, nil)
	}
}
