package envelope

import (
	"sync/atomic"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// opened is an open head, and all that it depends on. It stands beside a record that
// never leaves this process (see storage.Record.KeepDecoded): such a record needs no
// seal against itself, so it is opened once, and not with every request. It lives and
// dies with the record, so however many sessions are in use, none drives out another.
// The access token is there once a request has asked for it; the other tokens are
// asked for too seldom to be kept twice.
type opened struct {
	keys         *seal.Keys
	first        *byte // of Data, which nobody modifies
	length       int
	id, tenant   string
	kind         storage.Kind
	subject, sid string
	head         Head
	access       atomic.Pointer[AccessToken]
}

// OpenHeadOnce is OpenHead, and as strict, for a session that is looked up with every
// request. What it returns is shared, and must not be changed.
func OpenHeadOnce(keys *seal.Keys, r *storage.Record) (*Head, error) {
	if o := openedOf(keys, r); o != nil {
		return &o.head, nil
	}
	h, err := OpenHead(keys, *r)
	if err != nil {
		return nil, err
	}
	o := &opened{
		keys: keys, first: &r.Data[0], length: len(r.Data),
		id: r.ID, tenant: r.Tenant, kind: r.Kind, subject: r.Subject, sid: r.SID,
		head: h,
	}
	r.SetDecoded(o)
	return &o.head, nil
}

// OpenHeadLast is OpenHeadOnce for a record that nobody will look up again.
func OpenHeadLast(keys *seal.Keys, r *storage.Record) (Head, error) {
	if o := openedOf(keys, r); o != nil {
		return o.head, nil
	}
	return OpenHead(keys, *r)
}

// OpenAccessTokenOnce opens the access token of a session alone, once if the head has
// been. What it returns is shared, and must not be changed.
func OpenAccessTokenOnce(keys *seal.Keys, r *storage.Record) (*AccessToken, error) {
	o := openedOf(keys, r)
	if o != nil {
		if t := o.access.Load(); t != nil {
			return t, nil
		}
	}
	t, err := openAccessToken(keys, *r)
	if err != nil {
		return nil, err
	}
	if o != nil {
		o.access.Store(&t)
	}
	return &t, nil
}

// openedOf is what of r is open already, or nil.
func openedOf(keys *seal.Keys, r *storage.Record) *opened {
	if o, _ := r.Decoded().(*opened); o != nil && o.isOf(keys, r) {
		return o
	}
	return nil
}

// isOf reports whether opening r with keys would have the same result. Two who share
// a store may have different keys. In practice these are the same pointers, so no
// string is compared.
func (o *opened) isOf(keys *seal.Keys, r *storage.Record) bool {
	return o.keys == keys && o.length == len(r.Data) && o.length > 0 && o.first == &r.Data[0] &&
		o.id == r.ID && o.tenant == r.Tenant && o.kind == r.Kind && o.subject == r.Subject && o.sid == r.SID
}
