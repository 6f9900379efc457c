package localstorage

import (
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// watch notices the end of the session. It belongs to one goroutine.
type watch struct {
	store *Store
	item  string // as it was looked at last
	whose string // the session in it, or nothing
}

// watchUser begins with what is there.
func (s *Store) watchUser(ctx context.Context) *watch {
	w := &watch{store: s}
	w.hasEnded(ctx)
	return w
}

// hasEnded reports whether the session that was there has ended since the last
// call, or another is in its place. It takes in what it finds, so that a session
// that was written back after its end does not stay.
func (w *watch) hasEnded(ctx context.Context) bool {
	item, err := w.store.items.get(w.store.name)
	if err != nil || item == w.item {
		return false
	}
	u, err := w.store.LoadUser(ctx)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return false // and look again next time
	}
	before := w.whose
	w.item, w.whose = item, ""
	if err == nil {
		w.whose = u.Subject + "\x00" + u.SID
	}
	return before != "" && before != w.whose
}
