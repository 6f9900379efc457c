package localstorage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
)

// errLags means that this process has yet to hear of what another has written.
var errLags = errors.New("storage/localstorage: this tab has not heard of the last change yet")

// lagPoll is how often it looks again.
const lagPoll = 2 * time.Millisecond

// turn calls do with what is so, once what others have left to be done is done,
// while everybody else waits. Whatever do changes of the note comes with what it
// returns, all or nothing; what it does to an item is done.
func (s *Store) turn(ctx context.Context, do func(verdict, *document.NoteUpdate) error) error {
	for {
		done := true
		err := document.UpdateNote(ctx, s.contract, func(update *document.NoteUpdate) error {
			v, err := s.look(update)
			if err != nil {
				return err
			}
			if v.enqueued != nil { // that has to be certain before its item goes
				done = false
				return s.enqueueWrittenBack(v, update)
			}
			if err := s.apply(v, update); err != nil {
				return err
			}
			return do(v, update)
		})
		if errors.Is(err, errLags) {
			err = tasks.Pause(ctx, lagPoll)
			done = false
		}
		if err != nil || done {
			return err
		}
	}
}

func (s *Store) look(update *document.NoteUpdate) (verdict, error) {
	item, err := s.items.get(s.name)
	if err != nil {
		return verdict{}, err
	}
	n := parseNote(update.Note)
	if n.lags(item) {
		return verdict{}, errLags
	}
	return judge(item, n, s.options.Now(), s.options.Lifetime), nil
}

// apply makes what is stored agree with the verdict.
func (s *Store) apply(v verdict, update *document.NoteUpdate) (err error) {
	if update.Note, err = v.note.format(); err != nil || v.fault == "" {
		return err
	}
	if v.fault == damaged {
		s.options.Logger.Error("storage/localstorage: the stored user is removed", "reason", v.fault)
	}
	return s.clear()
}

// enqueueWrittenBack enqueues the revocation of a session that was written back,
// for whoever claims next.
func (s *Store) enqueueWrittenBack(v verdict, update *document.NoteUpdate) error {
	s.options.Logger.Warn("storage/localstorage: a session was written back after its end, by a page with the JavaScript SDK; it is ended again")
	revocation, err := s.options.WrittenBack(*v.enqueued)
	if err != nil {
		return fmt.Errorf("storage/localstorage: Options.WrittenBack: %w", err)
	}
	const lease = time.Nanosecond
	if _, err := update.Enqueue(revocation, lease); err != nil && !errors.Is(err, storage.ErrConflict) {
		return err
	}
	update.Note, err = v.note.format()
	return err
}

// clear removes the user, and what the JavaScript SDK leaves behind.
func (s *Store) clear() error {
	if err := s.items.remove(s.name); err != nil {
		return err
	}
	if err := clearLogins(s.items, s.options); err != nil {
		s.options.Logger.Warn("storage/localstorage: the remains of unfinished logins could not be removed", "error", err)
	}
	return nil
}
