// Package notice knows who wants to hear that a session has ended.
package notice

import (
	"maps"
	"slices"
	"sync"
)

// Board holds the listeners of one process. Its methods may be called from many
// goroutines at once.
type Board struct {
	mu     sync.Mutex
	byID   map[string]map[*Listener]struct{}
	closed bool
}

// Listener waits for the end of one session.
type Listener struct{ ended chan struct{} }

// Ended is closed when the session ends, or when the listener is told of nothing any
// more: who does not hear of a logout must not go on as if there were none.
func (l *Listener) Ended() <-chan struct{} { return l.ended }

// NewBoard returns an empty board.
func NewBoard() *Board { return &Board{byID: map[string]map[*Listener]struct{}{}} }

// Add adds a listener for the session with that ID.
func (b *Board) Add(id string) *Listener {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &Listener{ended: make(chan struct{})}
	if b.closed {
		close(l.ended)
		return l
	}
	if b.byID[id] == nil {
		b.byID[id] = map[*Listener]struct{}{}
	}
	b.byID[id][l] = struct{}{}
	return l
}

// Remove removes a listener that is no longer interested.
func (b *Board) Remove(id string, l *Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, listens := b.byID[id][l]; !listens {
		return
	}
	close(l.ended)
	delete(b.byID[id], l)
	if len(b.byID[id]) == 0 {
		delete(b.byID, id)
	}
}

// End tells every listener that the sessions with these IDs have ended.
func (b *Board) End(ids ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(ids...)
}

func (b *Board) end(ids ...string) {
	for _, id := range ids {
		for l := range b.byID[id] {
			close(l.ended)
		}
		delete(b.byID, id)
	}
}

// Close ends every listener, and those that are added later.
func (b *Board) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.end(slices.Collect(maps.Keys(b.byID))...)
}

// IDs are the sessions that somebody listens for.
func (b *Board) IDs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.byID))
}
