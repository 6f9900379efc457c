package envelope

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"sync/atomic"
)

// SpaceSession is the name space of sessions; see ID.
const SpaceSession = "session:" // short enough for one block of SHA-256

// IDLength is that of 32 random or hashed bytes in unpadded base64url.
const IDLength = 43

// ID derives the key of a record from a secret that only a browser holds. Every
// use of the store has its own name space, so that the key of one can never be
// taken for that of another.
func ID(space, secret string) string {
	var buf [64]byte
	sum := sha256.Sum256(append(append(buf[:0], space...), secret...))
	var text [IDLength]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

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

// Session returns ID(SpaceSession, secret), and whether it was remembered.
func (m *IDs) Session(secret string) (id string, remembered bool) {
	if m != nil {
		if d := m.slots[memoSlot(secret)].Load(); d.isFrom(secret) {
			return d.id, true
		}
	}
	return ID(SpaceSession, secret), false
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
