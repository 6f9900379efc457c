package passport

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/passport-go/passport/storage"
)

// later knows the sessions that were logged out while the store did not answer.
// Their browsers have lost the cookie, and nobody else will come and try again,
// so one goroutine goes on trying until the store is back.
type later struct {
	p *Passport

	mu      sync.Mutex
	waiting map[string]EventName // the event to tell of, by session ID
	running bool
}

const (
	firstEndRetry   = time.Second
	longestEndRetry = time.Minute

	// mostLater bounds what is remembered. A session beyond it ends by its
	// expiry alone.
	mostLater = 100_000
)

func (l *later) add(id string, event EventName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= mostLater {
		l.p.c.Logger.Error("passport: too many sessions wait for the store to end them; one more lives until it expires")
		return
	}
	l.waiting[id] = event
	if !l.running {
		l.running = l.p.tasks.loop(l.loop)
	}
}

func (l *later) loop(ctx context.Context) {
	for wait := firstEndRetry; pause(ctx, wait) == nil; wait = min(2*wait, longestEndRetry) {
		l.try(ctx)
		l.mu.Lock()
		if l.running = len(l.waiting) > 0; !l.running {
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
}

// try ends what waits, until the store fails again.
func (l *later) try(ctx context.Context) {
	l.mu.Lock()
	waiting := maps.Clone(l.waiting)
	l.mu.Unlock()
	for id, event := range waiting {
		call, cancel := context.WithTimeout(ctx, storeTimeout)
		debt, err := l.p.remove(call, id)
		cancel()
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return
		}
		l.mu.Lock()
		delete(l.waiting, id)
		l.mu.Unlock()
		if err == nil {
			l.p.ended(Event{Name: event}, debt.Record)
			l.p.revoker.pay(debt)
		}
	}
}

// has reports whether a session waits to be ended.
func (l *later) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, waits := l.waiting[id]
	return waits
}

// left counts the sessions that could not be ended.
func (l *later) left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}
