package envelope

import (
	"sync/atomic"
	"weak"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// Memo remembers heads by the very bytes that they were opened from: with a
// store in this process, which hands out the same bytes with every Load, the
// head of a session is opened once, and not with every request. It holds them
// weakly, so a record that is gone from the store is gone from memory.
//
// The zero value is empty. It may be used from many goroutines at once.
type Memo struct {
	slots [memoSlots]atomic.Pointer[opened] // the newest of those that share one
}

// opened is a head, and all that it depends on.
type opened struct {
	id, tenant   string
	kind         storage.Kind
	subject, sid string
	first        weak.Pointer[byte]
	length       int
	head         Head
}

// OpenHead is the function of that name, and as strict. What it returns is shared,
// and must not be changed. A nil Memo remembers nothing.
func (m *Memo) OpenHead(keys *seal.Keys, r *storage.Record) (*Head, error) {
	if m == nil || len(r.Data) == 0 {
		h, err := OpenHead(keys, *r)
		return &h, err
	}
	slot := &m.slots[memoSlot(r.ID)]
	if o := slot.Load(); o != nil && o.isOf(r) {
		return &o.head, nil
	}
	h, err := OpenHead(keys, *r)
	if err != nil {
		return nil, err
	}
	o := &opened{r.ID, r.Tenant, r.Kind, r.Subject, r.SID, weak.Make(&r.Data[0]), len(r.Data), h}
	slot.Store(o)
	return &o.head, nil
}

// memoSlots bounds what a memo holds.
const memoSlots = 1 << 12

// memoSlot goes by the beginning of a key, which is random or part of a hash.
func memoSlot(key string) uint {
	var n uint
	for i := range min(len(key), 4) {
		n = n*37 + uint(key[i])
	}
	return n % memoSlots
}

func (o *opened) isOf(r *storage.Record) bool {
	return o.first.Value() == &r.Data[0] && o.length == len(r.Data) &&
		o.id == r.ID && o.tenant == r.Tenant && o.kind == r.Kind && o.subject == r.Subject && o.sid == r.SID
}
