package passport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
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
	case !errors.Is(err, storage.ErrConflict) && ctx.Err() == nil:
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

// unreadSession is the context of a logout. The logout takes the session out of
// the store in one round trip, without having looked for it before. Whoever asks
// for the session all the same finds it: before the logout in the store, and
// afterwards as it was when it was removed, as code around the handler does
// that notes down who it was.
type unreadSession struct {
	context.Context
	p      *Passport
	secret Secret

	removed atomic.Pointer[storage.Record] // by the logout

	mu      sync.Mutex
	session *Session // nil until somebody asks
	none    bool     // it was asked for, and there is none
}

type unreadKey struct{}

// tellRemoved tells the context of a logout what the logout has removed. It
// waits for nobody. A request may go through several Passports, or several times
// through one, each of which has a context of its own in it.
func tellRemoved(ctx context.Context, secret Secret, rec *storage.Record) {
	c, _ := ctx.Value(unreadKey{}).(*unreadSession)
	for c != nil {
		if c.secret == secret {
			c.removed.Store(rec)
		}
		c, _ = c.Context.Value(unreadKey{}).(*unreadSession)
	}
}

func (c *unreadSession) Value(key any) any {
	switch key.(type) {
	case unreadKey:
		return c
	case sessionKey:
		return c.look()
	}
	return c.Context.Value(key)
}

func (c *unreadSession) look() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	removed := c.removed.Load()
	if c.session != nil || c.none && removed == nil {
		return c.session
	}
	s := &Session{p: c.p}
	var err error
	if removed != nil {
		s.rec = *removed
		s.head, err = c.p.records.OpenHeadOnce(&s.rec)
	} else {
		err = c.p.find(c.Context, c.secret, s)
	}
	if err == nil {
		c.session = s
	}
	c.none = errors.Is(err, ErrNoSession)
	return c.session
}

// Format keeps the secret out of what prints a context, whatever the verb.
func (c *unreadSession) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.unreadSession")
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
		p.announceEnd(Event{Name: EventSessionLost, Context: ctx, Err: err}, rec)
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
