package passport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/storecheck"
	"github.com/passport-go/passport/storage"
)

// storeTimeout bounds what is done in the store on behalf of a logout.
const storeTimeout = 10 * time.Second

// storeCall is the context for it: it does not end with the request that asked,
// but has a bound of its own. A store in this process keeps nobody waiting, and
// is spared the timer.
func (p *Passport) storeCall(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if p.inProcess {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, storeTimeout)
}

// warnOfHiddenInterfaces logs that the Store wraps another and so hides what that
// one can do.
func (p *Passport) warnOfHiddenInterfaces() {
	hidden := storecheck.Find(p.store)
	if len(hidden) == 0 {
		return
	}
	attrs := []any{"store", fmt.Sprintf("%T", p.store), "wraps", hidden[0].Wrapped}
	for _, h := range hidden {
		attrs = append(attrs, h.Interface, h.Effect)
	}
	p.c.Logger.Warn("passport: Config.Store hides interfaces of the store that it wraps: "+
		"forward their methods, or embed the type of that store (see package storage, Wrapping a store)", attrs...)
}

// storeError tells "there is none" from "the store could not answer".
func storeError(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return ErrNoSession
	}
	return fmt.Errorf("%w: %w", ErrStoreUnavailable, err)
}

// requestTimeout bounds how long a request waits for the store to find its session.
const requestTimeout = 5 * time.Second

// loadForRequest is load for a request that waits.
func (p *Passport) loadForRequest(ctx context.Context, id string) (storage.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return p.store.Load(ctx, id)
}

// load and save are the store's, with a bound of their own: for work that no
// request waits for, or that none needs.
func (p *Passport) load(ctx context.Context, id string) (storage.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return p.store.Load(ctx, id)
}

func (p *Passport) save(ctx context.Context, r storage.Record) (storage.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return p.store.Save(ctx, r)
}

// undo removes a new record of which nothing proves that it was stored, or that
// what it stands for took effect. One that another has stored there stays.
func (p *Passport) undo(ctx context.Context, r storage.Record) error {
	ctx, cancel := p.storeCall(ctx)
	defer cancel()
	there, err := p.store.Load(ctx, r.ID)
	if err == nil && bytes.Equal(there.Data, r.Data) {
		_, err = p.store.Delete(ctx, r.ID)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}
