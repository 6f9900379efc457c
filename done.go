package passport

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/passport-go/passport/storage"
)

// watches knows who wants to hear that a session has ended.
type watches struct {
	once sync.Once // starts the re-check
	mu   sync.Mutex
	byID map[string]map[*watch]struct{}
}

// watch is one listener. Its channel is closed once.
type watch struct {
	done chan struct{}
}

func newWatches() *watches { return &watches{byID: map[string]map[*watch]struct{}{}} }

func (w *watches) add(id string) *watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := &watch{done: make(chan struct{})}
	if w.byID[id] == nil {
		w.byID[id] = map[*watch]struct{}{}
	}
	w.byID[id][one] = struct{}{}
	return one
}

// remove forgets a listener that is no longer interested.
func (w *watches) remove(id string, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.byID[id], one)
	if len(w.byID[id]) == 0 {
		delete(w.byID, id)
	}
}

// end tells every listener that the sessions with these IDs have ended.
func (w *watches) end(ids ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		for one := range w.byID[id] {
			close(one.done)
		}
		delete(w.byID, id)
	}
}

func (w *watches) ids() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.byID))
}

// Done is closed when the session ends: for a server-sent event stream or a
// WebSocket, which would otherwise outlive a logout. It is kept up for as long
// as the context with which the session was looked up, which behind
// [Passport.Handler] is the request's.
func (s *Session) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch == nil {
		s.watch = s.p.watches.add(s.rec.ID)
		s.p.follow(s.ctx, s.rec.ID, s.watch)
	}
	return s.watch.done
}

// recheckEvery is how often watched sessions are looked up, for a notice that
// got lost, and for sessions that ended by themselves.
const recheckEvery = 15 * time.Second

// follow drops a watch when ctx is done, and looks at once whether the session
// ended between its look-up and the beginning of the watch.
func (p *Passport) follow(ctx context.Context, id string, one *watch) {
	context.AfterFunc(ctx, func() { p.watches.remove(id, one) })
	p.tasks.start(func(ctx context.Context) { p.recheck(ctx, id) })
	p.watches.once.Do(func() { p.tasks.start(p.recheckAll) })
}

func (p *Passport) recheckAll(ctx context.Context) {
	for {
		select {
		case <-p.tasks.stop:
			return
		case <-time.After(recheckEvery):
		}
		for _, id := range p.watches.ids() {
			p.recheck(ctx, id)
		}
	}
}

// recheck ends the watches of a session that is no longer there. A store that
// does not answer says nothing.
func (p *Passport) recheck(ctx context.Context, id string) {
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := p.store.Load(call, id); errors.Is(err, storage.ErrNotFound) {
		p.watches.end(id)
	}
}
