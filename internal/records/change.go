package records

import (
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// Edit makes the next version of a record. It reports false if there is nothing to
// store. It is called again if another writer was faster.
type Edit func(storage.Record) (next storage.Record, ok bool, err error)

// Change stores what edit makes of rec, a record as it was read. A record that has
// ended is not brought back: storage.ErrNotFound.
func (r *Records) Change(ctx context.Context, rec storage.Record, edit Edit) (storage.Record, error) {
	return r.retry(ctx, rec, r.inTime(ctx, edit), func() (storage.Record, error) { return rec, storage.ErrNotFound })
}

// Upsert is Change for a record that need not be there. It begins with rec, which is
// new, and so costs one call if there is none.
func (r *Records) Upsert(ctx context.Context, rec storage.Record, edit Edit) error {
	fresh := rec
	fresh.Revision, fresh.Data = 0, nil
	_, err := r.retry(ctx, fresh, edit, func() (storage.Record, error) { return fresh, nil })
	return err
}

// Amend is Change for a record that has yet to be read. It does nothing if there is
// none.
func (r *Records) Amend(ctx context.Context, id string, edit Edit) error {
	rec, err := r.Load(ctx, id)
	if err == nil {
		_, err = r.retry(ctx, rec, edit, func() (storage.Record, error) { return rec, storage.ErrNotFound })
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// inTime is edit for records whose time has not run out; the store may go by another
// clock. Another request may have given the record more time since it was read.
func (r *Records) inTime(ctx context.Context, edit Edit) Edit {
	return func(rec storage.Record) (storage.Record, bool, error) {
		next, ok, err := edit(rec)
		if err != nil || !ok || rec.Expiry.After(r.now()) {
			return next, ok, err
		}
		latest, err := r.Load(ctx, rec.ID)
		if err == nil && !latest.Expiry.After(r.now()) {
			err = storage.ErrNotFound
		}
		if err != nil {
			return rec, false, err
		}
		return edit(latest)
	}
}

// retry is the one loop in which a record is changed: until edit has nothing to
// store, its result is stored, or the store fails. gone decides what happens if the
// record is not there.
func (r *Records) retry(ctx context.Context, rec storage.Record, edit Edit, gone func() (storage.Record, error)) (storage.Record, error) {
	for {
		next, ok, err := edit(rec)
		if err != nil || !ok {
			return rec, err
		}
		saved, err := r.Save(ctx, next)
		switch {
		case err == nil, NotReplicated(err):
			return saved, err
		case errors.Is(err, storage.ErrConflict):
			latest, err := r.Load(ctx, rec.ID)
			if errors.Is(err, storage.ErrNotFound) {
				latest, err = gone()
			}
			if err != nil {
				return rec, err
			}
			rec = latest
		case errors.Is(err, storage.ErrNotFound):
			if rec, err = gone(); err != nil {
				return rec, err
			}
		default:
			return rec, err
		}
	}
}
