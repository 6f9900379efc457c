package notice

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/passport-go/passport/storage"
)

// A store listens on a connection of its own, so the watchers of a process that share a
// store, one for each tenant, share what it hears: one of them listens for all, in a
// goroutine of its own, until it ends and the next takes its turn.

// line is what the watchers of one notifier share.
type line struct {
	turn chan struct{} // who holds it listens

	mu      sync.Mutex
	clear   bool // whoever listens is sure to hear of what comes next
	members []*Watcher
}

// lines are those of this process. A line is there as long as it has members.
var lines = struct {
	sync.Mutex
	of map[storage.Notifier]*line
}{of: map[storage.Notifier]*line{}}

// join adds w to the line of its notifier. The caller calls leave at the end.
func (w *Watcher) join() (l *line, leave func()) {
	if !reflect.ValueOf(w.notifier).Comparable() {
		l = newLine()
		l.add(w)
		return l, func() {}
	}
	lines.Lock()
	defer lines.Unlock()
	l = lines.of[w.notifier]
	if l == nil {
		l = newLine()
		lines.of[w.notifier] = l
	}
	l.add(w)
	return l, func() {
		lines.Lock()
		defer lines.Unlock()
		if l.remove(w) {
			delete(lines.of, w.notifier)
		}
	}
}

func newLine() *line { return &line{turn: make(chan struct{}, 1)} }

// add adds a member. If the line is clear, the member hears of what comes next, and
// looks for what came before.
func (l *line) add(w *Watcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = append(l.members, w)
	if l.clear {
		w.catchUp()
	}
}

// remove reports whether nobody is left.
func (l *line) remove(w *Watcher) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = slices.DeleteFunc(l.members, func(m *Watcher) bool { return m == w })
	return len(l.members) == 0
}

// listen has n listen for all members until ctx is done or the connection is lost.
func (l *line) listen(ctx context.Context, n storage.Notifier) error {
	defer l.set(false)
	return n.Listen(ctx, func() { l.set(true) }, l.hear)
}

func (l *line) set(clear bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear = clear
	if clear {
		for _, w := range l.members {
			w.catchUp()
		}
	}
}

func (l *line) hear(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.members {
		w.hear(id)
	}
}
