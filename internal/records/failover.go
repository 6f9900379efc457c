package records

import (
	"context"
	"errors"
	"slices"

	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/storage"
)

// A store outside this process may lose what it has answered, in a fail-over. Two
// things are done about it here, for all records at once.
//
// A store that waits for its replicas says so (storage.ErrNotReplicated) if a write is
// not safe yet. That matters for what ends something: removed sessions, and the marks of
// logouts; and for sessions, whose tokens somebody has to revoke if they are lost. For
// the rest a write that was carried out is good enough, and the error ends here.
//
// And a session that is known here to have ended is not there, whatever the store says.

// mustLast are the kinds whose Save says so if it is not safe yet.
var mustLast = []storage.Kind{storage.KindSession, storage.KindLoginStopped, storage.KindLogoutMark, storage.KindBearerMark}

// guarded is a store outside this process.
type guarded struct {
	storage.TokenStore
	ended *ended.Set
	back  func(storage.Record) // is told of a session that has ended and is there
}

func (g *guarded) Load(ctx context.Context, id string) (storage.Record, error) {
	rec, err := g.TokenStore.Load(ctx, id)
	if err == nil && g.ended.HasSession(id) {
		g.back(rec)
		return storage.Record{}, storage.ErrNotFound
	}
	return rec, err
}

func (g *guarded) Save(ctx context.Context, rec storage.Record) (storage.Record, error) {
	if g.ended.HasSession(rec.ID) {
		return storage.Record{}, storage.ErrNotFound
	}
	saved, err := g.TokenStore.Save(ctx, rec)
	if slices.Contains(mustLast, rec.Kind) {
		return saved, err
	}
	return saved, carriedOut(err)
}

func (g *guarded) Delete(ctx context.Context, id string) (storage.Record, error) {
	rec, err := g.TokenStore.Delete(ctx, id)
	return rec, carriedOut(err)
}

// DeleteMatching passes the error on for sessions.
func (g *guarded) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	removed, err := g.TokenStore.DeleteMatching(ctx, m)
	if m.Kind == storage.KindSession {
		return removed, err
	}
	return removed, carriedOut(err)
}

// carriedOut is the error without storage.ErrNotReplicated.
func carriedOut(err error) error {
	for _, answer := range []error{storage.ErrNotFound, storage.ErrConflict} {
		if errors.Is(err, storage.ErrNotReplicated) && errors.Is(err, answer) {
			return answer
		}
	}
	if NotReplicated(err) {
		return nil
	}
	return err
}

// NotReplicated reports whether an error says of a write that it was carried out, and
// that a fail-over may undo it, and nothing else.
func NotReplicated(err error) bool {
	return errors.Is(err, storage.ErrNotReplicated) && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrConflict)
}

// Ended is what is known here to have ended. It is nil for a store in this process,
// which loses nothing.
func (r *Records) Ended() *ended.Set { return r.ended }

// OnReturn has back called, in the caller's goroutine, with each session that the store
// has and that is known to have ended.
func (r *Records) OnReturn(back func(storage.Record)) {
	if g, ok := r.TokenStore.(*guarded); ok {
		g.back = back
	}
}

// Alive reports whether a session that the store has, with its head, may go on. It may
// not if it is known to have ended, by itself or with all those of its user or
// Passport session.
func (r *Records) Alive(rec *storage.Record, h *Head) bool { return r.ended == nil || r.alive(rec, h) }

func (r *Records) alive(rec *storage.Record, h *Head) bool {
	if !r.ended.HasSession(rec.ID) && !r.ended.HasOlder(rec.Subject, rec.SID, h.Begun) {
		return true
	}
	r.ended.Sessions(rec.ID)
	if g, ok := r.TokenStore.(*guarded); ok {
		g.back(*rec)
	}
	return false
}
