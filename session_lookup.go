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
	"github.com/passport-go/passport/storage"
)

// Session looks up the session whose secret id a browser holds. It is what
// [Passport.Handler] does for net/http, for other frameworks. ErrNoSession
// means that there is none, ErrStoreUnavailable that the Store could not answer.
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
	id, remembered := p.records.SessionID(string(secret))
	err := p.findByID(ctx, id, s)
	switch {
	case err != nil && remembered:
		p.records.Forget(string(secret))
	case err == nil && !remembered:
		p.records.Remember(string(secret), id)
	}
	return err
}

// findByID looks a session up into s, and writes down now and then that it was
// seen.
func (p *Passport) findByID(ctx context.Context, id string, s *Session) error {
	var err error
	if p.records.InProcess() { // directly, for a record that is handed on once more is a twentieth of the cost
		s.rec, err = p.records.Load(ctx, id)
	} else {
		s.rec, err = p.records.Look(ctx, id)
	}
	if err != nil {
		return storeError(err)
	}
	s.p = p
	if s.head, err = p.records.RememberedHead(&s.rec); err != nil {
		return p.unreadable(ctx, s.rec, err)
	}
	now := p.c.Now().Unix()
	if now >= p.end(*s.head) {
		return ErrNoSession
	}
	if p.c.IdleTimeout > 0 && now-s.head.Seen >= int64(p.touchEvery()/time.Second) {
		return p.touch(ctx, s, now)
	}
	return nil
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
	saved, err := p.records.Save(ctx, rec)
	switch {
	case err == nil:
		s.rec, s.head = saved, &h
	case errors.Is(err, storage.ErrNotFound):
		return ErrNoSession
	case !errors.Is(err, storage.ErrConflict):
		p.c.Logger.Warn("passport: a session's last use could not be written down", "error", err)
	}
	return nil
}

// touchEvery is how exact the idle time-out is kept.
func (p *Passport) touchEvery() time.Duration {
	return min(max(p.c.IdleTimeout/60, time.Second), time.Minute)
}

// end is the second in which a session with head h ends by itself.
func (p *Passport) end(h head) int64 {
	if p.c.IdleTimeout == 0 {
		return h.End
	}
	return min(h.End, h.Seen+int64((p.c.IdleTimeout+p.touchEvery())/time.Second))
}

func (p *Passport) expiry(h head) time.Time { return time.Unix(p.end(h), 0) }

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
func tellRemoved(ctx context.Context, secret Secret, rec storage.Record) {
	c, _ := ctx.Value(unreadKey{}).(*unreadSession)
	for c != nil {
		if c.secret == secret {
			c.removed.Store(&rec)
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
		s.head, err = c.p.records.RememberedHead(&s.rec)
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

type sessionKey struct{}

// SessionFrom returns the session of a request that passed [Passport.Handler], or
// nil if the user is not signed in.
func SessionFrom(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}
