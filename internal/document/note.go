package document

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passport-go/passport/storage"
)

// Note returns what else the package that uses this one keeps in the document:
// JSON, or nothing.
func (s *Store) Note(ctx context.Context) (json.RawMessage, error) {
	c, err := s.read(ctx)
	if err != nil && !errors.Is(err, errDamaged) {
		return nil, err
	}
	return c.note, nil
}

// NoteUpdate is a change of the note and of what is owed along with it.
type NoteUpdate struct {
	Note json.RawMessage // as it is, to be set to what it becomes

	store    *Store
	contents *contents
}

// Owe enters a debt, as Store.Owe does.
func (u *NoteUpdate) Owe(r storage.Record, hold time.Duration) (storage.Debt, error) {
	if err := u.store.check(r); err != nil {
		return storage.Debt{}, err
	}
	r.Expiry = instant(r.Expiry)
	return u.contents.owe(r, hold)
}

// UpdateNote makes a change, all or nothing.
func (s *Store) UpdateNote(ctx context.Context, change func(*NoteUpdate) error) error {
	return s.update(ctx, func(c *contents) error {
		u := &NoteUpdate{Note: c.note, store: s, contents: c}
		if err := change(u); err != nil {
			return err
		}
		c.note = u.Note
		return nil
	})
}
