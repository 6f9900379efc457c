package passport

import (
	"context"
	"fmt"
	"io"
	"sync"

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

	mu      sync.Mutex
	removed *storage.Record // by the logout
	looked  bool
	session *Session // nil if there is none
}

type unreadKey struct{}

// tellRemoved tells the context of a logout what the logout has removed.
func tellRemoved(ctx context.Context, rec storage.Record) {
	c, ok := ctx.Value(unreadKey{}).(*unreadSession)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removed = &rec
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
	if c.looked {
		return c.session
	}
	c.looked = true
	s := &Session{p: c.p, ctx: c.Context}
	var err error
	if c.removed != nil {
		s.rec = *c.removed
		s.head, err = c.p.heads.OpenHead(c.p.c.keys, s.rec)
	} else {
		err = c.p.find(c.Context, c.secret, s)
	}
	if err == nil {
		c.session = s
	}
	return c.session
}

// Format keeps the secret out of what prints a context, whatever the verb.
func (c *unreadSession) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.unreadSession")
}
