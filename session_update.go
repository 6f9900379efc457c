package passport

import (
	"context"
	"errors"
	"fmt"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// unreadable ends a session whose record was tampered with; if its tokens can
// still be read, they are revoked. One whose key is not configured is left
// alone: the key may yet come, with the next deployment. So is one that a later
// version has written.
func (p *Passport) unreadable(ctx context.Context, rec storage.Record, err error) error {
	if !errors.Is(err, seal.ErrOpen) {
		p.c.Logger.Error("passport: a session cannot be read", "error", err)
		return fmt.Errorf("%w: %w", ErrNoSession, err)
	}
	call, cancel := p.storeCall(ctx)
	defer cancel()
	removed, removeErr := p.revoker.Delete(call, rec.ID)
	switch {
	case removeErr == nil:
		p.announce(rec.ID)
		p.emit(Event{Name: EventSessionLost, Session: rec.ID, Subject: rec.Subject, SID: rec.SID, Context: ctx, Err: err})
		p.revoker.Revoke(removed)
	case !errors.Is(removeErr, storage.ErrNotFound):
		err = errors.Join(err, removeErr)
		p.c.Logger.Error("passport: a session that cannot be read could not be ended yet", "error", err)
	}
	return fmt.Errorf("%w: %w", ErrNoSession, err)
}

// update changes a stored session, from rec on: change is called with its head
// and tokens, again if another writer came in between, and says whether there
// is anything to store. A session that has ended is not brought back:
// ErrNoSession.
func (p *Passport) update(ctx context.Context, rec storage.Record, change func(*head, *tokens) bool) (storage.Record, error) {
	for {
		h, err := envelope.OpenHead(p.c.keys, rec)
		if err != nil {
			return rec, p.unreadable(ctx, rec, err)
		}
		t, err := openTokens(p.c.keys, rec)
		if err != nil {
			return rec, p.unreadable(ctx, rec, err)
		}
		before := t
		if !change(&h, &t) {
			return rec, nil
		}
		if !rec.Expiry.After(p.c.Now()) { // unless another request has kept it alive
			latest, err := p.load(ctx, rec.ID)
			if err != nil {
				return rec, storeError(err)
			}
			if !latest.Expiry.After(p.c.Now()) {
				return rec, ErrNoSession
			}
			rec = latest
			continue
		}
		var next storage.Record
		if t == before {
			next, err = envelope.SealHead(p.c.keys, rec, h)
		} else {
			next = envelope.Seal(p.c.keys, rec, h, t.marshal())
		}
		if err != nil {
			return rec, p.unreadable(ctx, rec, err)
		}
		saved, err := p.save(ctx, next)
		if err == nil {
			return saved, nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return rec, storeError(err)
		}
		if rec, err = p.load(ctx, rec.ID); err != nil {
			return rec, storeError(err)
		}
	}
}
