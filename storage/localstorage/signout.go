package localstorage

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
)

// SignOut ends the session at once, without waiting for the database, so the page
// may be left in the next moment. From then on no tab finds the session. It is kept
// under another name until [Store.CompleteSignOut] and [Store.ForgetSignOut] are
// called, here or in the next page, as are the tokens of up to three earlier sessions
// for which they were not. logout is a name for this logout, without line breaks.
//
// It needs no space: if storage is full, it keeps less of the session, but always
// the refresh token.
func (s *Store) SignOut(logout string) error {
	item, err := s.items.get(s.name)
	if err != nil {
		return err
	}
	pending, err := s.pendingSignOut()
	if err != nil {
		return err
	}
	kept := signOut{logout: logout, at: s.options.Now(), item: item}.after(pending)
	err = s.items.set(s.signOutName(), kept.String())
	full := errors.Is(err, storage.ErrFull)
	if err != nil && !full {
		return err
	}
	if err := s.items.remove(s.name); err != nil || !full {
		return err
	}
	if err := s.items.set(s.signOutName(), kept.String()); err == nil {
		return nil
	}
	kept.item = leastItem(kept.item)
	return s.items.set(s.signOutName(), kept.String())
}

// leastItem is what a revocation needs of a user's item.
func leastItem(item string) string {
	u, err := parseUser(item)
	if err != nil {
		return ""
	}
	profile, _ := json.Marshal(claims{Subject: u.Subject, SID: u.SID})
	least, _ := json.Marshal(userJSON{AccessToken: u.AccessToken, RefreshToken: u.RefreshToken, Profile: profile})
	return string(least)
}

// PendingSignOut returns the name of a SignOut that is not completed, and when it was;
// or nothing.
func (s *Store) PendingSignOut() (logout string, at time.Time, err error) {
	pending, err := s.pendingSignOut()
	return pending.logout, pending.at, err
}

// Item returns the stored item of the session, for a cheap check whether it has
// changed.
func (s *Store) Item() (string, error) { return s.items.get(s.name) }

// CompleteSignOut records that the session of the last SignOut has ended and, in the same
// atomic step, enqueues the revocation that record returns for it, under a lease. It also
// enqueues those of the earlier sessions that SignOut has kept, for whoever claims next.
// record is called once for each, while other callers wait, and must neither block nor
// call the Store. storage.ErrNotFound: nobody was signed in, or it was completed before.
func (s *Store) CompleteSignOut(ctx context.Context, record func(User) (storage.Record, error), lease time.Duration) (storage.Revocation, error) {
	var queued storage.Revocation
	pending, err := s.pendingSignOut()
	if err != nil {
		return queued, err
	}
	u, err := parseUser(pending.item)
	if err != nil { // it makes no sense, or there was none
		return queued, storage.ErrNotFound
	}
	err = document.UpdateNote(ctx, s.contract, func(update *document.NoteUpdate) (err error) {
		queued, err = s.completeSignOut(u, pending, record, lease, update)
		return err
	})
	return queued, err
}

func (s *Store) completeSignOut(u User, pending signOut, record func(User) (storage.Record, error), lease time.Duration, update *document.NoteUpdate) (storage.Revocation, error) {
	n := parseNote(update.Note).forget(s.options.Now())
	if n.Ended != nil && n.Ended.At.Equal(instant(pending.at)) {
		return storage.Revocation{}, storage.ErrNotFound
	}
	// Another has begun since. If the clock was put back, so has this one, by its Revision.
	later := n.User != nil && n.User.Digest != digest(pending.item) && n.User.Revision > firstRevision(pending.at)
	if !later {
		u = n.complete(u, pending.item, s.options.Now(), s.options.Lifetime)
	}
	r, err := record(u)
	if err != nil {
		return storage.Revocation{}, err
	}
	queued, err := update.Enqueue(r, lease)
	if err != nil {
		return storage.Revocation{}, err
	}
	if err := s.enqueueEarlier(pending, record, update); err != nil {
		return storage.Revocation{}, err
	}
	if !later {
		n = n.replaced(pending.item)
		n.User, n.Ended = nil, endedOf(u, instant(pending.at))
	}
	update.Note, err = n.format()
	return queued, err
}

func (s *Store) enqueueEarlier(pending signOut, record func(User) (storage.Record, error), update *document.NoteUpdate) error {
	const lease = time.Nanosecond
	for _, item := range pending.earlier {
		u, err := parseUser(item)
		if err != nil {
			continue
		}
		r, err := record(note{}.complete(u, item, s.options.Now(), s.options.Lifetime))
		if err != nil {
			return err
		}
		if _, err := update.Enqueue(r, lease); err != nil {
			return err
		}
	}
	return nil
}

// ForgetSignOut removes what SignOut has kept, once CompleteSignOut is done, and what
// the JavaScript SDK leaves behind. It does nothing if there was another SignOut since.
func (s *Store) ForgetSignOut(logout string) error {
	pending, err := s.pendingSignOut()
	if err != nil || pending.logout == "" || pending.logout != logout {
		return err
	}
	item, err := s.items.get(s.name)
	if err == nil && item == pending.item { // the page was gone before it was removed
		err = s.items.remove(s.name)
	}
	if err != nil {
		return err
	}
	if err := clearLogins(s.items, s.options); err != nil {
		s.options.Logger.Warn("storage/localstorage: the remains of unfinished logins could not be removed", "error", err)
	}
	return s.items.remove(s.signOutName())
}

func (s *Store) signOutName() string { return "passport-go:" + s.options.place() + ":signed-out" }

func (s *Store) pendingSignOut() (signOut, error) {
	value, err := s.items.get(s.signOutName())
	if err != nil {
		return signOut{}, err
	}
	return parseSignOut(value), nil
}

// signOut is what a SignOut keeps: three lines. On the second, earlier follows at, each
// after a tab, which is escaped in its JSON.
type signOut struct {
	logout  string
	at      time.Time // to the millisecond
	item    string    // the user's, or empty
	earlier []string  // the leastItem of others that were not completed
}

// mostEarlier bounds signOut.earlier. The oldest are dropped.
const mostEarlier = 3

// after returns o with what pending, which it replaces, has kept.
func (o signOut) after(pending signOut) signOut {
	_, err := parseUser(o.item)
	switch {
	case pending.item == "":
	case err != nil: // another tab was quicker, but is not done
		o.at, o.item, o.earlier = pending.at, pending.item, pending.earlier
	case o.item == pending.item:
		o.earlier = pending.earlier
	default:
		o.earlier = append(slices.Clone(pending.earlier), leastItem(pending.item))
		o.earlier = o.earlier[max(0, len(o.earlier)-mostEarlier):]
	}
	return o
}

func (o signOut) String() string {
	at := strconv.FormatInt(o.at.UnixMilli(), 10)
	return o.logout + "\n" + strings.Join(append([]string{at}, o.earlier...), "\t") + "\n" + o.item
}

func parseSignOut(value string) signOut {
	parts := strings.SplitN(value, "\n", 3)
	if len(parts) < 3 {
		return signOut{logout: parts[0]}
	}
	fields := strings.Split(parts[1], "\t")
	at, _ := strconv.ParseInt(fields[0], 10, 64)
	earlier := fields[1:min(len(fields), 1+mostEarlier)]
	return signOut{logout: parts[0], at: time.UnixMilli(at), item: parts[2], earlier: earlier}
}
