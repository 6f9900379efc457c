package browser

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/localstorage"
)

// A logout takes the session out of its place at once (localstorage.Store.SignOut). Two
// things follow in the database, in either order: the session is ended, and the logout
// is noted in the state of the browser. Until both are done, the next page would do them.

// progress is how far the logouts of this page are: the last one that has ended its
// session, and the last one that is noted.
type progress struct{ ended, noted string }

func (p progress) isDone(logout string) bool { return p.ended == logout && p.noted == logout }

// takenID stands for the session that a logout has removed from its place, but not
// ended in the store yet. The engine loads it, so it is an ID of the tenant.
func (s *sessions) takenID() string { return s.tenant.ID(storage.KindSession, "taken") }

// endTaken ends it.
func (s *sessions) endTaken(ctx context.Context, lease time.Duration) (storage.Revocation, error) {
	logout, _, err := s.PendingSignOut()
	if err != nil {
		return storage.Revocation{}, err
	}
	queued, err := s.CompleteSignOut(ctx, s.taken, lease)
	if err == nil || errors.Is(err, storage.ErrNotFound) {
		err = errors.Join(err, s.proceed(logout, func(p *progress) { p.ended = logout }))
	}
	return queued, err
}

// noted is for a logout that is noted in the state.
func (s *sessions) noted(logout string) error {
	return s.proceed(logout, func(p *progress) { p.noted = logout })
}

func (s *sessions) proceed(logout string, step func(*progress)) error {
	s.mu.Lock()
	step(&s.progress)
	done := s.progress.isDone(logout)
	s.mu.Unlock()
	if !done {
		return nil
	}
	return s.ForgetSignOut(logout)
}

// taken returns the record of a session that a logout has removed from its place.
func (s *sessions) taken(u localstorage.User) (storage.Record, error) {
	var b beside
	if json.Unmarshal(u.Extra, &b) != nil || b.Secret == "" {
		b = beside{Secret: newSecret()}
	}
	u, b = s.withSpilled(u, b)
	return s.record(u, b, s.id(b)), nil
}
