package notice

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// exchange is a store in whose process another instance says what say is called with.
type exchange struct {
	storage.TokenStore
	mu    sync.Mutex
	calls []chan error // those that listen: what ends them
	ended func(string)
}

func (e *exchange) Notify(context.Context, ...string) error { return nil }

func (e *exchange) Listen(ctx context.Context, ready func(), ended func(id string)) error {
	lost := make(chan error, 1)
	e.mu.Lock()
	e.calls, e.ended = append(e.calls, lost), ended
	e.mu.Unlock()
	ready()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.calls = e.calls[1:]
	}()
	select {
	case err := <-lost:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *exchange) connections() int {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.calls)
}

func (e *exchange) say(id string) {
	e.mu.Lock()
	ended := e.ended
	e.mu.Unlock()
	ended(id)
}

type tenant struct {
	*Watcher
	group *tasks.Group
}

func (e *exchange) tenant() tenant {
	group := tasks.New()
	return tenant{NewWatcher(Config{
		Store: e, Notifier: e, Tasks: group, Timeout: time.Second, Now: time.Now,
		Owns: func(string) bool { return true }, Logger: slog.New(slog.DiscardHandler),
	}), group}
}

func ofTenants(t *testing.T, run func(t *testing.T, e *exchange, a, b tenant)) {
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{TokenStore: memory.New(memory.Options{})}
		a, b := e.tenant(), e.tenant()
		run(t, e, a, b)
		a.group.Finish(t.Context())
		b.group.Finish(t.Context())
		assert.Zero(t, e.connections())
		assert.NotContains(t, lines.of, storage.Notifier(e), "nobody is left to listen for")
	})
}

// A store has a connection for each that listens, and there may be hundreds of tenants.
func TestTenantsThatShareAStoreListenOnOneConnection(t *testing.T) {
	ofTenants(t, func(t *testing.T, e *exchange, a, b tenant) {
		one := a.Watch(t.Context(), stored(t, e, "one", time.Hour))
		two := b.Watch(t.Context(), stored(t, e, "two", time.Hour))
		assert.Equal(t, 1, e.connections())
		e.say("two")
		assert.True(t, closed(two))
		assert.False(t, closed(one))
		e.say("one")
		assert.True(t, closed(one))
	})
}

func TestWhenOneTenantEndsAnotherListensForTheRest(t *testing.T) {
	ofTenants(t, func(t *testing.T, e *exchange, a, b tenant) {
		a.Watch(t.Context(), stored(t, e, "one", time.Hour))
		synctest.Wait() // it is a that listens
		two := b.Watch(t.Context(), stored(t, e, "two", time.Hour))
		three := b.Watch(t.Context(), stored(t, e, "three", time.Hour))
		synctest.Wait()
		deleted(t, e, "three") // and nobody says so
		began := time.Now()
		a.group.Finish(t.Context())
		assert.Equal(t, 1, e.connections())
		assert.True(t, closed(three), "what was said in between is found at once")
		assert.Equal(t, began, time.Now())
		assert.False(t, closed(two))
		e.say("two")
		assert.True(t, closed(two))
	})
}

func TestALostConnectionIsMadeAnewForAllTenants(t *testing.T) {
	ofTenants(t, func(t *testing.T, e *exchange, a, b tenant) {
		one := a.Watch(t.Context(), stored(t, e, "one", time.Hour))
		two := b.Watch(t.Context(), stored(t, e, "two", time.Hour))
		assert.Equal(t, 1, e.connections())
		e.calls[0] <- errors.New("connection reset")
		assert.Zero(t, e.connections())
		deleted(t, e, "one")
		deleted(t, e, "two")
		time.Sleep(listenAgain)
		assert.Equal(t, 1, e.connections())
		assert.True(t, closed(one))
		assert.True(t, closed(two))
	})
}
