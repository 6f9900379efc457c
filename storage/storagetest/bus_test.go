package storagetest

import (
	"context"
	"sync"

	"github.com/passport-go/passport/storage"
)

// bus adds a storage.Notifier to the reference.
type bus struct {
	storage.TokenStore
	storage.Lister
	storage.RevocationQueue
	storage.RevocationCounter

	mu        sync.Mutex
	listeners map[chan string]bool
}

func newBus(store *reference) *bus {
	return &bus{TokenStore: store, Lister: store, RevocationQueue: store, RevocationCounter: store, listeners: map[chan string]bool{}}
}

func (b *bus) Notify(ctx context.Context, ids ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		for _, id := range ids {
			l <- id
		}
	}
	return nil
}

func (b *bus) Listen(ctx context.Context, ready func(), ended func(string)) error {
	l := make(chan string, 10_000)
	b.join(l)
	defer b.leave(l)
	if ready != nil {
		ready()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case id := <-l:
			ended(id)
		}
	}
}

func (b *bus) join(l chan string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners[l] = true
}

func (b *bus) leave(l chan string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, l)
}
