package passport

import (
	"context"
	"errors"
	"time"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// Session looks up the session whose secret id a browser holds. It is what
// [Passport.Handler] does for net/http, for other frameworks. ErrNoSession
// means that there is none, ErrStoreUnavailable that the Store could not answer. It
// counts as use of the session, except in a context of [WithoutUse].
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

// WithoutUse returns a context in which looking a session up does not count as use
// of it, and so does not move Config.IdleTimeout on: for requests that a page makes
// by itself, such as polling. The look-up still fails once the session has ended. For
// the handlers of this package, see Config.CountsAsUse.
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
