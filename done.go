package passport

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/notice"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

// notices are the listeners of this process. The first of them starts what keeps
// them informed.
type notices struct {
	*notice.Board
	start sync.Once
}

// watch is what a session knows of its latest listener.
type watch struct {
	listener *notice.Listener
	until    <-chan struct{} // when the listener loses interest
}

// Done returns a channel that is closed when the session ends: at once if it ends
// on this instance, and shortly after if it ends on another instance and the Store
// implements storage.Notifier. Use it to end server-sent events and WebSockets,
// which would otherwise outlive a logout. If a notice is lost, or the session
// expires, the channel is closed within 15 s.
//
// The watch lasts until ctx is done: pass the context of the request. Calls with
// the same context return the same channel.
func (s *Session) Done(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch == nil || s.watch.until != ctx.Done() {
		s.watch = &watch{listener: s.p.notices.Add(s.rec.ID), until: ctx.Done()}
		s.p.follow(ctx, s.rec.ID, s.watch.listener)
	}
	return s.watch.listener.Ended()
}

const (
	// recheckEvery is how often watched sessions are looked up.
	recheckEvery = 15 * time.Second

	// looksAtOnce is how many of them are looked up at a time: few enough that
	// they do not take the connections to the store from the requests.
	looksAtOnce = 8

	// listenAgain is the pause before a lost connection for notices is made
	// anew.
	listenAgain = time.Second
)

// follow drops a watch when ctx is done, and looks at once whether the session
// ended between its look-up and the beginning of the watch.
func (p *Passport) follow(ctx context.Context, id string, l *notice.Listener) {
	context.AfterFunc(ctx, func() { p.notices.Remove(id, l) })
	p.notices.start.Do(func() {
		p.tasks.Loop(p.recheckAll)
		if p.notifier != nil {
			p.tasks.Loop(p.listen)
		}
	})
	p.tasks.Start(func(ctx context.Context) { p.recheck(ctx, id) })
}

// announce tells those who watch these sessions, here and on other instances,
// that they have ended.
func (p *Passport) announce(ids ...string) {
	p.notices.End(ids...)
	if p.notifier == nil || len(ids) == 0 {
		return
	}
	p.tasks.Start(func(ctx context.Context) {
		call, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		if err := p.notifier.Notify(call, ids...); err != nil {
			p.c.Logger.Warn("passport: other instances could not be told of a logout; they will notice by themselves", "error", err)
		}
	})
}

// listen hears what other instances announce. What was announced while nobody
// listened is found by looking once more as soon as somebody does.
func (p *Passport) listen(ctx context.Context) {
	for {
		ready := func() { p.tasks.Start(p.lookAgain) }
		err := p.notifier.Listen(ctx, ready, func(id string) { p.notices.End(id) })
		if ctx.Err() != nil {
			return
		}
		p.c.Logger.Warn("passport: the connection for notices between instances was lost", "error", err)
		if tasks.Pause(ctx, listenAgain) != nil {
			return
		}
	}
}

func (p *Passport) recheckAll(ctx context.Context) {
	ticker := time.NewTicker(recheckEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.lookAgain(ctx)
		}
	}
}

// lookAgain looks all watched sessions up, many at a time: there may be tens of
// thousands, and a part of the store that hangs must not hold up the rest.
func (p *Passport) lookAgain(ctx context.Context) {
	var looking sync.WaitGroup
	room := make(chan struct{}, looksAtOnce)
	for _, id := range p.notices.IDs() {
		room <- struct{}{}
		looking.Go(func() {
			p.recheck(ctx, id)
			<-room
		})
	}
	looking.Wait()
}

// recheck ends the watches of a session that is no longer there. A store that
// does not answer says nothing.
func (p *Passport) recheck(ctx context.Context, id string) {
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := p.store.Load(call, id); errors.Is(err, storage.ErrNotFound) {
		p.notices.End(id)
	}
}
