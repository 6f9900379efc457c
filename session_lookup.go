package passport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// Session looks up the session whose secret id a browser holds, as [Passport.Handler]
// does for net/http. It counts as use of the session, except in a context of
// [WithoutUse].
//
// ErrNoSession: there is none, and id may be empty. ErrStoreUnavailable: the Store could
// not answer, so nobody knows whether the user is signed in: answer 503.
func (p *Passport) Session(ctx context.Context, id Secret) (*Session, error) {
	p.revoker.Begin()
	if !records.Plausible(string(id)) {
		return nil, ErrNoSession
	}
	s := &Session{}
	if err := p.find(ctx, id, s); err != nil {
		return nil, err
	}
	return s, nil
}

// find looks a session up into s, by the secret that a browser holds.
func (p *Passport) find(ctx context.Context, secret Secret, s *Session) error {
	return p.findByID(ctx, p.records.SessionID(string(secret)), s)
}

// findByID looks a session up into s, and writes down now and then that it was
// seen.
func (p *Passport) findByID(ctx context.Context, id string, s *Session) error {
	var err error
	if s.rec, err = p.records.Load(ctx, id); err != nil {
		return storeError(err)
	}
	s.p = p
	if s.head, err = p.records.OpenHeadOnce(&s.rec); err != nil {
		return p.unreadable(ctx, s.rec, err)
	}
	now := p.c.Now().Unix()
	if !p.isLive(&s.rec, s.head, now) {
		return ErrNoSession
	}
	if p.c.IdleTimeout > 0 && now-s.head.Seen >= int64(p.touchEvery()/time.Second) && countsAsUse(ctx) {
		return p.touch(ctx, s, now)
	}
	return nil
}

// isLive reports whether a session that the store has goes on: it has not reached its
// end by now, which is Config.Now, for the store may go by another clock, and is not
// known to have ended.
func (p *Passport) isLive(rec *storage.Record, h *head, now int64) bool {
	return now < p.end(*h) && p.records.Alive(rec, h)
}

// touch writes down that the session is in use. That another request or a
// refresh got in first is as good; that the session is gone is the news of the
// day; and a store that cannot write now can do so at the next request.
func (p *Passport) touch(ctx context.Context, s *Session, now int64) error {
	h, rec := *s.head, s.rec
	h.Seen = now
	rec.Expiry = p.expiry(h)
	rec, err := p.records.SealHead(rec, h)
	if err != nil {
		return p.unreadable(ctx, s.rec, err)
	}
	saved, err := p.records.Touch(ctx, rec)
	switch {
	case err == nil, records.NotReplicated(err):
		s.rec, s.head = saved, &h
	case errors.Is(err, storage.ErrNotFound):
		return ErrNoSession
	case !errors.Is(err, storage.ErrConflict):
		p.c.Logger.Warn("passport: a session's last use could not be written down", "error", err)
	}
	return nil
}

type withoutUseKey struct{}

// WithoutUse returns a context in which looking a session up does not count as use of
// it, so that the session ends after Config.IdleTimeout even so: for requests that a
// page makes by itself, such as polling. The look-up still fails once the session has
// ended. For the handlers of this package, see Config.CountsAsUse.
func WithoutUse(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutUseKey{}, true)
}

func countsAsUse(ctx context.Context) bool { return ctx.Value(withoutUseKey{}) == nil }

// touchEvery is how exact the idle time-out is kept.
func (p *Passport) touchEvery() time.Duration {
	return min(max(p.c.IdleTimeout/60, time.Second), time.Minute)
}

// end is the second in which a session with head h ends by itself.
func (p *Passport) end(h head) int64 {
	if p.c.IdleTimeout == 0 || h.Remembered {
		return h.End
	}
	return min(h.End, h.Seen+int64((p.c.IdleTimeout+p.touchEvery())/time.Second))
}

func (p *Passport) expiry(h head) time.Time { return time.Unix(p.end(h), 0) }

type sessionKey struct{}

// SessionFrom returns the session of a request that passed [Passport.Handler], or
// nil if the user is not signed in.
func SessionFrom(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// unreadable ends a session whose record was tampered with; if its tokens can
// still be read, they are revoked. One whose key is not configured is left
// alone: the key may yet come, with the next deployment. So is one that a later
// version has written.
func (p *Passport) unreadable(ctx context.Context, rec storage.Record, err error) error {
	if !errors.Is(err, seal.ErrOpen) {
		p.c.Logger.Error("passport: a session cannot be read", "error", err)
		return fmt.Errorf("%w: %w", ErrNoSession, err)
	}
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	removed, removeErr := p.deleteSession(call, rec.ID)
	switch {
	case removeErr == nil, notSafe(removeErr):
		_ = p.makeSafe(removeErr, EventSessionLost, removed.Record)
		p.notices.Announce(rec.ID)
		p.emit(Event{Name: EventSessionLost, Session: rec.ID, Subject: rec.Subject, SID: rec.SID, Context: ctx, Err: err})
		p.revoker.RevokeOne(removed)
	case !errors.Is(removeErr, storage.ErrNotFound):
		err = errors.Join(err, removeErr)
		p.c.Logger.Error("passport: a session that cannot be read could not be ended yet", "error", err)
	}
	return fmt.Errorf("%w: %w", ErrNoSession, err)
}

// update changes a stored session, from rec on: change is called with its head and
// tokens, again if another writer came in between, and says whether there is anything
// to store. A session that has ended is not brought back: ErrNoSession.
func (p *Passport) update(ctx context.Context, rec storage.Record, change func(*head, *tokens) bool) (storage.Record, error) {
	rec, err := p.updateSafely(ctx, rec, change)
	if records.NotReplicated(err) {
		err = nil
	}
	return rec, err
}

// updateSafely is update that says if the change is not safe from a fail-over.
func (p *Passport) updateSafely(ctx context.Context, rec storage.Record, change func(*head, *tokens) bool) (storage.Record, error) {
	var unreadable error
	rec, err := p.records.Change(ctx, rec, func(rec storage.Record) (storage.Record, bool, error) {
		h, err := p.records.OpenHead(rec)
		var t tokens
		if err == nil {
			t, err = openTokens(p.records, rec)
		}
		if err != nil {
			unreadable = p.unreadable(ctx, rec, err)
			return rec, false, unreadable
		}
		if !p.records.Alive(&rec, &h) {
			return rec, false, storage.ErrNotFound
		}
		before := t
		if !change(&h, &t) {
			return rec, false, nil
		}
		if t != before {
			return p.records.SealSession(rec, h, t.marshal()), true, nil
		}
		next, err := p.records.SealHead(rec, h)
		return next, err == nil, err
	})
	switch {
	case unreadable != nil:
		return rec, unreadable
	case records.NotReplicated(err):
		return rec, err
	case err != nil:
		return rec, storeError(err)
	}
	return rec, nil
}
