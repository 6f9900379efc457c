package document

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passport-go/passport/storage"
)

// Note returns the note: JSON of the caller's own in the same document, or nil. A
// package that is built on a Store can keep there what must change together with
// the sessions. Note and UpdateNote are functions, so that types which embed a
// Store do not have them.
func Note(ctx context.Context, s *Store) (json.RawMessage, error) {
	c, err := s.read(ctx)
	if err != nil && !errors.Is(err, errDamaged) {
		return nil, err
	}
	return c.note, nil
}

// NoteUpdate is one change of the note.
type NoteUpdate struct {
	// Note is the note as it is. Set it to what it becomes; nil removes it.
	Note json.RawMessage

	store    *Store
	contents *contents
}

// Enqueue adds a revocation in the same step. It is otherwise like Store.Enqueue.
func (u *NoteUpdate) Enqueue(r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := u.store.check(r); err != nil {
		return storage.Revocation{}, err
	}
	r.Expiry = instant(r.Expiry)
	return u.contents.enqueue(r, lease)
}

// UpdateRecord replaces the live record with that ID by what change makes of it, in
// one step, and returns it. If there is none, change gets a record with the ID alone.
// It is called once, while other callers wait. If it returns false, the record stays
// as it is. UpdateRecord is a function for the reason that Note is.
func UpdateRecord(ctx context.Context, s *Store, id string, change func(*storage.Record) (save bool)) (storage.Record, error) {
	var r storage.Record
	err := s.update(ctx, func(c *contents) (err error) {
		r = storage.Record{ID: id}
		if i := c.find(id); i >= 0 {
			r = c.records[i]
		}
		before := r
		if !change(&r) {
			r = before
			return nil
		}
		r, err = s.save(c, r)
		return err
	})
	if err != nil {
		return storage.Record{}, err
	}
	return r, nil
}

// UpdateNote calls change once, and stores what it has changed, all or nothing. If
// change fails, nothing is stored and UpdateNote returns that error.
func UpdateNote(ctx context.Context, s *Store, change func(*NoteUpdate) error) error {
	return s.update(ctx, func(c *contents) error {
		u := &NoteUpdate{Note: c.note, store: s, contents: c}
		if err := change(u); err != nil {
			return err
		}
		c.note = u.Note
		return nil
	})
}
