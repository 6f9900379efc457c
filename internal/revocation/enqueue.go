package revocation

import (
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// Delete removes a record from the store and enqueues its revocation, which is
// leased to this process: pass it to Revoke. If the queue is full, the record is
// removed all the same, and this process keeps the revocation. The error is
// storage.ErrNotFound if there is no such record. With storage.ErrNotReplicated alone
// the record was removed; a fail-over may bring it back, but this process keeps the
// revocation too. What it returns is never nil.
func (w *Worker) Delete(ctx context.Context, id string) (*storage.Revocation, error) {
	var err error
	removed := new(storage.Revocation)
	if *removed, err = w.c.Queue.DeleteAndEnqueue(ctx, id, Lease); err == nil {
		return removed, nil
	}
	if !errors.Is(err, storage.ErrFull) {
		w.keepUnsafe(err, *removed)
		return removed, err
	}
	record, err := w.c.Store.Delete(ctx, id)
	if record.ID != "" {
		*removed = w.keep(record)
	}
	return removed, err
}

// keepUnsafe has this process keep revocations that the queue has, but may lose in a
// fail-over, if there is room.
func (w *Worker) keepUnsafe(err error, revocations ...storage.Revocation) {
	if !errors.Is(err, storage.ErrNotReplicated) {
		return
	}
	for _, r := range revocations {
		if r.Record.ID != "" && w.hasRoom() {
			w.track(r, true)
		}
	}
}

// DeleteMatching is Delete for all records that m selects. With an error it returns
// the revocations of those that had been removed before it.
func (w *Worker) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Revocation, error) {
	revocations, err := w.c.Queue.DeleteMatchingAndEnqueue(ctx, m, Lease)
	if !errors.Is(err, storage.ErrFull) {
		w.keepUnsafe(err, revocations...)
		return revocations, err
	}
	records, err := w.c.Store.DeleteMatching(ctx, m)
	for _, record := range records {
		revocations = append(revocations, w.keep(record))
	}
	return revocations, err
}

// Enqueue enqueues the revocation of a record that is in no store, and begins to
// revoke. If the queue does not answer, this process keeps the revocation, so that
// it is lost only with the process.
func (w *Worker) Enqueue(record storage.Record) {
	ctx, cancel := context.WithTimeout(context.Background(), w.c.StoreTimeout)
	defer cancel()
	r, err := w.c.Queue.Enqueue(ctx, record, Lease)
	switch {
	case err != nil && r.Record.ID != "":
		w.keepUnsafe(err, r)
	case err != nil:
		r = w.keep(record)
	}
	w.Revoke(r)
}

// keep makes a revocation of a record that the queue could not take.
func (w *Worker) keep(record storage.Record) storage.Revocation {
	now := w.c.Now()
	r := storage.Revocation{Record: record, Since: now, Due: now.Add(Lease)}
	w.track(r, true)
	return r
}
