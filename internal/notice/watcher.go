package notice

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

const (
	// recheckEvery is how often watched sessions are looked up.
	recheckEvery = 15 * time.Second

	// looksAtOnce is how many of them are looked up at a time: few enough that
	// they do not take the connections to the store from the requests.
	looksAtOnce = 8

	// listenAgain is the pause before a lost connection for notices is made anew.
	listenAgain = time.Second
)

// Config is what a [Watcher] needs.
type Config struct {
	Store    storage.TokenStore
	Notifier storage.Notifier // of the store; may be nil

	// Owns reports whether an ID may be that of a session of this client: others that
	// share the store have notices too, and what is remembered is bounded. Required with
	// a Notifier.
	Owns func(id string) bool

	Tasks   *tasks.Group  // runs what keeps the listeners informed
	Timeout time.Duration // of a call to the store
	Now     func() time.Time
	Logger  *slog.Logger
	Ended   *ended.Set // is told of every session that is found to have ended; may be nil
}

// Watcher tells the listeners of a process that a session has ended, here or on
// another instance. It begins with the first listener.
type Watcher struct {
	board    *Board
	c        Config
	notifier storage.Notifier // of the store, or nil
	start    sync.Once
}

// NewWatcher returns a watcher without listeners.
func NewWatcher(c Config) *Watcher {
	return &Watcher{board: NewBoard(), c: c, notifier: c.Notifier}
}

// Watch adds a listener for a session, until ctx is done or the tasks are finished,
// which ends it too. It looks at once whether the session ended before the watch began.
func (w *Watcher) Watch(ctx context.Context, id string) *Listener {
	l := w.board.Add(id)
	context.AfterFunc(ctx, func() { w.board.Remove(id, l) })
	w.start.Do(func() {
		context.AfterFunc(w.c.Tasks.Stopping(), w.board.Close)
		w.c.Tasks.Loop(w.recheckAll)
		if w.notifier != nil {
			w.c.Tasks.Loop(w.listen)
		}
	})
	w.c.Tasks.Start(func(ctx context.Context) { w.recheck(ctx, id) })
	return l
}

// Announce tells those who watch these sessions, here and on other instances, that
// they have ended. It also notes them in Config.Ended, so that no fail-over brings them
// back for this process: every end of a session has to come through here.
func (w *Watcher) Announce(ids ...string) {
	w.end(ids...)
	if w.notifier == nil || len(ids) == 0 {
		return
	}
	announced := slices.Clone(ids) // so that ids need not outlive the call
	w.c.Tasks.Start(func(ctx context.Context) {
		call, cancel := context.WithTimeout(ctx, w.c.Timeout)
		defer cancel()
		if err := w.notifier.Notify(call, announced...); err != nil {
			w.c.Logger.Warn("passport: other instances could not be told of a logout; they will notice by themselves", "error", err)
		}
	})
}

// listen hears what other instances announce. What was announced while nobody
// listened is found by looking once more as soon as somebody does.
func (w *Watcher) listen(ctx context.Context) {
	l, leave := w.join()
	defer leave()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return
	}
	for {
		err := l.listen(ctx, w.notifier)
		if ctx.Err() != nil {
			return
		}
		w.c.Logger.Warn("passport: the connection for notices between instances was lost", "error", err)
		if tasks.Pause(ctx, listenAgain) != nil {
			return
		}
	}
}

// catchUp looks for what may have been missed.
func (w *Watcher) catchUp() { w.c.Tasks.Start(w.lookAgain) }

// hear passes a notice on to whoever waits for it, and remembers it if it is for us.
func (w *Watcher) hear(id string) {
	if w.c.Owns(id) {
		w.c.Ended.Sessions(id)
	}
	w.board.End(id)
}

func (w *Watcher) recheckAll(ctx context.Context) {
	ticker := time.NewTicker(recheckEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.lookAgain(ctx)
		}
	}
}

// lookAgain looks all watched sessions up, many at a time: there may be tens of
// thousands, and a part of the store that hangs must not hold up the rest.
func (w *Watcher) lookAgain(ctx context.Context) {
	var looking sync.WaitGroup
	room := make(chan struct{}, looksAtOnce)
	for _, id := range w.board.IDs() {
		room <- struct{}{}
		looking.Go(func() {
			w.recheck(ctx, id)
			<-room
		})
	}
	looking.Wait()
}

// recheck ends the watches of a session that is no longer there, or has expired by
// Config.Now, for the store may go by another clock. A store that does not answer says
// nothing.
func (w *Watcher) recheck(ctx context.Context, id string) {
	call, cancel := context.WithTimeout(ctx, w.c.Timeout)
	defer cancel()
	rec, err := w.c.Store.Load(call, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		w.end(id)
	case err == nil && !w.c.Now().Before(rec.Expiry):
		w.board.End(id) // an instance whose clock is behind may still see it used
	}
}

func (w *Watcher) end(ids ...string) {
	w.c.Ended.Sessions(ids...)
	w.board.End(ids...)
}
