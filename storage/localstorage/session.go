package localstorage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
)

// UserID is the ID that listeners (see Listen) receive when the session that is
// shared with the JavaScript SDK has ended or been replaced.
const UserID = "user"

// LoadUser returns the session, or storage.ErrNotFound.
//
// It includes changes by others since the last call: tokens that the JavaScript SDK
// has refreshed are a new Revision; a user whom it has signed in is a new session;
// an unreadable or expired session, or one that was written back after its end, is
// removed. If others change the session within a second of a Store, it may take the
// rest of that second to distinguish the change from an old value.
func (s *Store) LoadUser(ctx context.Context) (User, error) {
	raw, err := document.Note(ctx, s.contract)
	if err != nil {
		return User{}, err
	}
	item, err := s.items.get(s.name)
	if err != nil {
		return User{}, err
	}
	pending, err := s.pendingSignOut()
	if err != nil {
		return User{}, err
	}
	if pending.logout != "" && (item == "" || item == pending.item) {
		return User{}, storage.ErrNotFound // and whoever completes it needs the note as it is
	}
	n := parseNote(raw)
	v := judge(item, n, s.options.Now(), s.options.Lifetime)
	if v.fault != "" || !v.note.equal(n) {
		err = s.turn(ctx, func(applied verdict, _ *document.NoteUpdate) error {
			v = applied
			return nil
		})
		if errors.Is(err, storage.ErrFull) && v.user != nil {
			err = nil // to look takes no room; what was to be noted is noted later
		}
	}
	if err != nil {
		return User{}, err
	}
	if v.user == nil {
		return User{}, storage.ErrNotFound
	}
	return *v.user, nil
}

// SaveUser stores u, with the Subject and SID of its ID token, and returns it with
// its new Revision. At Revision 0 it begins the session, and returns
// storage.ErrConflict if there is one already, whoever began it. At any other
// Revision it replaces the session: storage.ErrConflict if that is no longer at
// that Revision, storage.ErrNotFound if there is none. storage.ErrFull means that
// there is no room, and that nothing has changed.
//
// IDToken must be a JWT with a sub, unless no token has changed. A u that has
// expired is refused.
func (s *Store) SaveUser(ctx context.Context, u User) (User, error) {
	now := s.options.Now()
	if !now.Before(u.Expiry) {
		return User{}, errors.New("storage/localstorage: User.Expiry has passed")
	}
	u.Expiry = instant(u.Expiry)
	var undo func() error
	err := s.turn(ctx, func(v verdict, update *document.NoteUpdate) error {
		if v.user == nil && u.Revision == 0 {
			u.Revision = firstRevision(now)
		} else if err := v.isAt(u.Revision); err != nil {
			return err
		} else {
			u.Revision++
		}
		var err error
		undo, err = s.write(&u, v.note, update)
		return err
	})
	if err != nil && undo != nil {
		err = errors.Join(err, undo())
	}
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// DeleteUser ends the session if it is still at revision, and returns it; otherwise
// storage.ErrConflict or storage.ErrNotFound. It also removes what the JavaScript
// SDK leaves behind: the state of unfinished logins.
func (s *Store) DeleteUser(ctx context.Context, revision uint64) (User, error) {
	var deleted *User
	err := s.turn(ctx, func(v verdict, update *document.NoteUpdate) error {
		if err := v.isAt(revision); err != nil {
			return err
		}
		if err := s.end(v, update); err != nil {
			return err
		}
		if err := s.clear(); err != nil {
			return err
		}
		deleted = v.user
		return nil
	})
	if deleted == nil {
		return User{}, err
	}
	if err != nil { // so a session that is written back will not be noticed
		s.options.Logger.Warn("storage/localstorage: the end of a session could not be noted", "error", err)
	}
	return *deleted, nil
}

// DeleteUserAndEnqueue is DeleteUser and, in the same atomic step, enqueues
// revocation, which stands for the session as it is at revision, leased to the
// caller; see [storage.RevocationQueue]. The session stays if that fails: with
// storage.ErrConflict if there is a revocation under that ID, with
// storage.ErrFull if there is no room.
func (s *Store) DeleteUserAndEnqueue(ctx context.Context, revision uint64, revocation storage.Record, lease time.Duration) (storage.Revocation, error) {
	var enqueued storage.Revocation
	err := s.turn(ctx, func(v verdict, update *document.NoteUpdate) error {
		err := v.isAt(revision)
		if err == nil {
			enqueued, err = update.Enqueue(revocation, lease)
		}
		if err == nil {
			err = s.end(v, update)
		}
		return err
	})
	if err != nil {
		return storage.Revocation{}, err
	}
	// It has ended, and whoever comes first removes it.
	if err := s.turn(context.WithoutCancel(ctx), func(verdict, *document.NoteUpdate) error { return nil }); err != nil {
		s.options.Logger.Warn("storage/localstorage: a session that has ended could not be removed yet", "error", err)
	}
	return enqueued, nil
}

// isAt returns the error for a session that is not at revision.
func (v verdict) isAt(revision uint64) error {
	switch {
	case v.user == nil:
		return storage.ErrNotFound
	case v.user.Revision != revision:
		return storage.ErrConflict
	default:
		return nil
	}
}

// write puts u in its place, and back what stood there if undo is called. If
// the tab comes to its end in between, what is in place is a session too.
func (s *Store) write(u *User, n note, update *document.NoteUpdate) (undo func() error, err error) {
	old, err := s.items.get(s.name)
	if err != nil {
		return nil, err
	}
	item, err := itemOf(u, old)
	if err != nil {
		return nil, err
	}
	n.User, n.Ended = besideOf(*u, item), nil
	if item != old {
		n = n.replaced(old)
	}
	if update.Note, err = n.format(); err != nil || item == old {
		return nil, err
	}
	undo = func() error { return s.restore(item, old) }
	return undo, s.items.set(s.name, item)
}

// itemOf returns u in the JavaScript SDK's format; as that SDK has written it, if
// it is still the same.
func itemOf(u *User, old string) (string, error) {
	if before, err := parseUser(old); err == nil && before.sameTokens(*u) {
		u.Subject, u.SID = before.Subject, before.SID
		return old, nil
	}
	item, formatted, err := formatUser(*u)
	if err != nil {
		return "", fmt.Errorf("storage/localstorage: %w", err)
	}
	*u = formatted
	return item, nil
}

func (s *Store) restore(item, old string) error {
	if is, err := s.items.get(s.name); err != nil || is != item {
		return err // somebody else has been here
	}
	if old == "" {
		return s.items.remove(s.name)
	}
	return s.items.set(s.name, old)
}

// end notes the end of the session.
func (s *Store) end(v verdict, update *document.NoteUpdate) (err error) {
	item, err := s.items.get(s.name)
	if err != nil {
		return err
	}
	n := v.note.replaced(item)
	n.User, n.Ended = nil, endedOf(*v.user, instant(s.options.Now()))
	update.Note, err = n.format()
	return err
}
