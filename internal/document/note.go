package document

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passport-go/passport/storage"
)

// A note is what else the package that uses this one keeps in the document: JSON,
// or nothing. What is for notes are no methods, which the Stores that embed this
// one would have as well.

// Note returns the note.
func Note(ctx context.Context, s *Store) (json.RawMessage, error) {
	c, err := s.read(ctx)
	if err != nil && !errors.Is(err, errDamaged) {
		return nil, err
	}
	return c.note, nil
}

// NoteUpdate changes the note, and enqueues revocations in the same step.
type NoteUpdate struct {
	Note json.RawMessage // as it is, to be set to what it becomes

	store    *Store
	contents *contents
}

// Enqueue adds a revocation, as Store.Enqueue does.
func (u *NoteUpdate) Enqueue(r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := u.store.check(r); err != nil {
		return storage.Revocation{}, err
	}
	r.Expiry = instant(r.Expiry)
	return u.contents.enqueue(r, lease)
}

// UpdateNote makes a change, all or nothing.
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
