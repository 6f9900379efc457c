package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/storage"
)

// notifierChecks run on one store, and on two that share a backend.
var notifierChecks = []check{
	{"a listener that is ready hears each ID", hearsEach},
	{"Listen ends with its context", listenEnds},
	{"Listen without ready", listenUnready},
	{"a notice of any size and content", anyNotice},
}

// listener receives the notices of one store.
type listener struct {
	*fixture
	heard chan string
	ended chan error
	stop  context.CancelFunc
	busy  atomic.Int32
}

func (f *fixture) notifier(i int) storage.Notifier { return f.at(i).(storage.Notifier) }

// listen returns a listener that is ready.
func (f *fixture) listen(i int) *listener {
	f.Helper()
	ctx, stop := context.WithCancel(f.ctx)
	l := &listener{fixture: f, heard: make(chan string, 10_000), ended: make(chan error, 1), stop: stop}
	ready := make(chan struct{})
	go func() {
		l.ended <- f.notifier(i).Listen(ctx, func() { close(ready) }, l.hear)
	}()
	select {
	case <-ready:
	case err := <-l.ended:
		f.Fatalf("Listen: %v", err)
	case <-time.After(f.patience):
		f.Fatalf("Listen is not ready after %v", f.patience)
	}
	return l
}

func (l *listener) hear(id string) {
	if l.busy.Add(1) != 1 {
		l.Errorf("Listen calls ended from two goroutines at once")
	}
	l.heard <- id
	l.busy.Add(-1)
}

// hears waits until every ID has been heard, in any order.
func (l *listener) hears(ids ...string) {
	l.Helper()
	missing := map[string]bool{}
	for _, id := range ids {
		missing[id] = true
	}
	deadline := time.After(l.patience)
	for len(missing) > 0 {
		select {
		case id := <-l.heard:
			delete(missing, id)
		case err := <-l.ended:
			l.Fatalf("Listen ended: %v", err)
		case <-deadline:
			l.Fatalf("of %d IDs a listener has not heard %d after %v", len(ids), len(missing), l.patience)
		}
	}
}

// end stops the listener, which must return an error.
func (l *listener) end() {
	l.Helper()
	l.stop()
	select {
	case err := <-l.ended:
		l.failed(err, context.Canceled, "Listen whose context is cancelled")
	case <-time.After(l.patience):
		l.Fatalf("Listen has not returned %v after its context was cancelled", l.patience)
	}
}

func (f *fixture) notify(i int, ids ...string) {
	f.Helper()
	if err := f.notifier(i).Notify(f.ctx, ids...); err != nil {
		f.Fatalf("Notify: %v", err)
	}
}

func hearsEach(f *fixture) {
	f.notify(0, "before anybody listens")
	first, second := f.listen(0), f.listen(1)
	f.notify(0, "a")
	f.notify(1, "b", "c")
	f.notify(0)
	first.hears("a", "b", "c")
	second.hears("a", "b", "c")

	first.end()
	f.notify(0, "d")
	second.hears("d")
	third := f.listen(0)
	f.notify(1, "e")
	second.hears("e")
	third.hears("e")
	second.end()
	third.end()
}

func listenEnds(f *fixture) {
	for i := range 5 {
		f.listen(i).end()
	}
	ctx, cancel := context.WithTimeout(f.ctx, 20*time.Millisecond)
	defer cancel()
	if err := f.notifier(0).Listen(ctx, nil, func(string) {}); err == nil {
		f.Errorf("Listen returned no error")
	}
}

func listenUnready(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	heard := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		var once atomic.Bool
		ended <- f.notifier(0).Listen(ctx, nil, func(string) {
			if !once.Swap(true) {
				close(heard)
			}
		})
	}()
	for deadline := time.After(f.patience); ; {
		f.notify(0, "a")
		select {
		case <-heard:
			return
		case err := <-ended:
			f.Fatalf("Listen: %v", err)
		case <-deadline:
			f.Fatalf("a listener without ready has heard nothing after %v", f.patience)
		case <-time.After(time.Millisecond):
		}
	}
}

func anyNotice(f *fixture) {
	l := f.listen(1)
	f.notify(0, oddTexts...)
	l.hears(oddTexts...)
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("%043d", i)
	}
	f.notify(0, many...)
	l.hears(many...)
	l.end()
}
