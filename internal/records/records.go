// Package records keeps the records of one tenant in a store: sealed, and under
// hashes of secrets. It bounds each call in time, and has the loop for changes that
// others make at the same time.
package records

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/internal/strictbase64"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

const (
	// Timeout bounds what is done in the store on behalf of a logout, and whatever
	// no request waits for.
	Timeout = 10 * time.Second

	// RequestTimeout bounds how long a request waits for a record, and how long for its
	// use to be written down.
	RequestTimeout = 1500 * time.Millisecond
)

// Head is what a request has to know of its session; see package envelope. Records
// of other kinds have the zero Head.
type Head = envelope.Head

// Records are those of one tenant. The methods may be called from many goroutines at
// once, and return the errors of the store.
type Records struct {
	storage.TokenStore

	keys   *seal.Keys
	tenant *envelope.Tenant
	now    func() time.Time

	ended *ended.Set // nil for a store in this process

	inProcess bool
	circuit   *circuit.Circuit // nil for a store in this process
}

// New returns the records of a tenant in a store, which keys seal.
func New(store storage.TokenStore, keys *seal.Keys, tenant *envelope.Tenant, now func() time.Time) *Records {
	r := &Records{TokenStore: store, keys: keys, tenant: tenant, now: now}
	if _, r.inProcess = store.(*memory.Store); r.inProcess {
		return r
	}
	r.ended = ended.New()
	r.TokenStore = &guarded{TokenStore: store, ended: r.ended, back: func(storage.Record) {}}
	return r
}

// InProcess reports whether the store is in this process's memory.
func (r *Records) InProcess() bool { return r.inProcess }

// Tenant is the name of the tenant.
func (r *Records) Tenant() string { return r.tenant.Name() }

// Keys are those that seal the records.
func (r *Records) Keys() *seal.Keys { return r.keys }

// Owns reports whether an ID may be one of this tenant's.
func (r *Records) Owns(id string) bool { return r.tenant.Owns(id) }

// ID derives the key of a record from a secret that only a browser holds. What else
// is derived from secrets has kinds of its own, so that none passes for another.
func (r *Records) ID(kind storage.Kind, secret string) string { return r.tenant.ID(kind, secret) }

// IDBytes is ID for those who need no string of it.
func (r *Records) IDBytes(kind storage.Kind, secret string) [IDLength]byte {
	return r.tenant.IDBytes(kind, secret)
}

// New returns a record to be filled in and stored.
func (r *Records) New(kind storage.Kind, secret string) storage.Record {
	return r.tenant.Record(kind, secret)
}

// OwnSessions restricts m to the sessions of this tenant.
func (r *Records) OwnSessions(m storage.Match) storage.Match {
	m.Tenant, m.Kind = r.tenant.Name(), storage.KindSession
	return m
}

// IDLength is the length of a secret, and of an ID: 32 bytes in base64url.
const IDLength = envelope.IDLength

// NewSecret returns an unguessable secret: 32 random bytes, in characters that are
// safe in URLs and cookies.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Plausible tells a secret of ours from what cannot be one, at no cost.
func Plausible(s string) bool { return len(s) == IDLength && strictbase64.IsURL(s) }

// Bound returns the context of work in the store on behalf of a logout. It does not
// end with the request, but by itself. A store in this process keeps nobody waiting,
// and needs no timer.
func (r *Records) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return r.within(context.WithoutCancel(ctx))
}

// BoundCalls is Bound for what calls the store and does nothing else with the context: a
// store in this process does not look at what is in it.
func (r *Records) BoundCalls(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.inProcess {
		return context.Background(), func() {}
	}
	return r.Bound(ctx)
}

func (r *Records) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.inProcess {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, Timeout)
}

// BoundRequest returns the context of a look-up that a request waits for. What no
// request waits for, and what is not asked for again, has more time.
func (r *Records) BoundRequest(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.inProcess || circuit.GoesAround(ctx) || circuit.Insists(ctx) {
		return r.within(ctx)
	}
	return context.WithTimeout(ctx, RequestTimeout)
}

// UseCircuit has requests ask the store through c, unless it is in this process.
func (r *Records) UseCircuit(c *circuit.Circuit) {
	if !r.inProcess {
		r.circuit = c
	}
}

// Read makes a call to the store for a request that waits, through the circuit. The call
// has a bound of its own, ctx is the request's. The methods of Records do it by
// themselves; it is for calls that are made elsewhere. A ctx of [circuit.Around] is that
// of no request.
func (r *Records) Read(ctx context.Context, call func() error) error {
	return r.circuit.Read(ctx, call)
}

// Write is Read for a call that changes something.
func (r *Records) Write(ctx context.Context, call func() error) error {
	return r.circuit.Write(ctx, call)
}

// Load returns a record, within a bound of its own. From a store in this process it comes
// directly: each time that a record is handed on is a twentieth of the cost.
func (r *Records) Load(ctx context.Context, id string) (storage.Record, error) {
	if r.inProcess {
		return r.TokenStore.Load(ctx, id)
	}
	return r.look(ctx, id)
}

func (r *Records) look(ctx context.Context, id string) (rec storage.Record, err error) {
	err = r.Read(ctx, func() error {
		call, cancel := r.BoundRequest(ctx)
		defer cancel()
		rec, err = r.TokenStore.Load(call, id)
		return err
	})
	return rec, err
}

// Touch is Save for what a request does by the way.
func (r *Records) Touch(ctx context.Context, rec storage.Record) (storage.Record, error) {
	call, cancel := r.BoundRequest(ctx)
	defer cancel()
	return r.Save(call, rec)
}

// Save stores a sealed record, within a bound of its own.
func (r *Records) Save(ctx context.Context, rec storage.Record) (saved storage.Record, err error) {
	err = r.Write(ctx, func() error {
		call, cancel := r.within(ctx)
		defer cancel()
		saved, err = r.TokenStore.Save(call, rec)
		return err
	})
	return saved, err
}

// Delete removes a record, within a bound of its own.
func (r *Records) Delete(ctx context.Context, id string) (removed storage.Record, err error) {
	err = r.Write(ctx, func() error {
		call, cancel := r.within(ctx)
		defer cancel()
		removed, err = r.TokenStore.Delete(call, id)
		return err
	})
	return removed, err
}

// DeleteMatching removes all records that m selects, within a bound of its own.
func (r *Records) DeleteMatching(ctx context.Context, m storage.Match) (removed []storage.Record, err error) {
	err = r.Write(ctx, func() error {
		call, cancel := r.within(ctx)
		defer cancel()
		removed, err = r.TokenStore.DeleteMatching(call, m)
		return err
	})
	return removed, err
}

// Exists reports whether there is a record under an ID.
func (r *Records) Exists(ctx context.Context, id string) (bool, error) {
	_, err := r.Load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Put seals a body and stores it.
func (r *Records) Put(ctx context.Context, rec storage.Record, body []byte) (storage.Record, error) {
	return r.Save(ctx, r.Seal(rec, body))
}

// Note stores a record that says something by being there. It need not be the first
// to do so.
func (r *Records) Note(ctx context.Context, rec storage.Record) error {
	_, err := r.Put(ctx, rec, nil)
	if errors.Is(err, storage.ErrConflict) {
		if errors.Is(err, storage.ErrNotReplicated) {
			return storage.ErrNotReplicated // the other one is not safe yet
		}
		return nil
	}
	return err
}

// Drop removes a record, if it is there.
func (r *Records) Drop(ctx context.Context, id string) error {
	_, err := r.Delete(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// Undo removes a new record of which nothing proves that it was stored, or that what
// it stands for took effect. One that another has stored there stays. failed is the
// error for which it is undone; a record that was never sent to the store is not there.
// Undo goes around the circuit: no more wait here than had been let in to the store.
func (r *Records) Undo(ctx context.Context, rec storage.Record, failed error) error {
	if circuit.Unasked(failed) {
		return nil
	}
	ctx, cancel := r.Bound(ctx)
	defer cancel()
	there, err := r.TokenStore.Load(ctx, rec.ID)
	if err == nil && bytes.Equal(there.Data, rec.Data) {
		_, err = r.TokenStore.Delete(ctx, rec.ID)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// Seal seals the body of a record that has no head.
func (r *Records) Seal(rec storage.Record, body []byte) storage.Record {
	return envelope.Seal(r.keys, rec, Head{}, body)
}

// Open opens the body of a record.
func (r *Records) Open(rec storage.Record) ([]byte, error) { return envelope.OpenBody(r.keys, rec) }
