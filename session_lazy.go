package passport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/passport-go/passport/storage"
)

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
		s.head, err = c.p.heads.OpenHead(c.p.c.keys, s.rec)
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

// SessionFrom returns the session of a request that came through
// [Passport.Handler], or nil if its user is not signed in.
func SessionFrom(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}
