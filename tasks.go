package passport

import (
	"context"
	"sync"
)

// tasks owns every goroutine that a Passport starts. Close stops it.
type tasks struct {
	mu     sync.Mutex
	closed bool
	over   bool // nothing is under way any more
	wg     sync.WaitGroup
	ctx    context.Context // done when the patience of Close is over
	cancel context.CancelFunc

	// stopping is done when Close begins: loops end, work under way goes on.
	stopping context.Context
	stop     context.CancelFunc
}

func newTasks() *tasks {
	t := &tasks{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.stopping, t.stop = context.WithCancel(t.ctx)
	return t
}

// loop is start for work that goes on until Close begins.
func (t *tasks) loop(f func(ctx context.Context)) bool {
	return t.start(func(context.Context) { f(t.stopping) })
}

// start runs f in a goroutine of its own, unless Close has begun.
func (t *tasks) start(f func(ctx context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Go(func() { f(t.ctx) })
	return true
}

// finish refuses new work and waits for what is under way, until ctx is done;
// then it cancels the rest and waits for that.
func (t *tasks) finish(ctx context.Context) {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()

	done := make(chan struct{})
	go func() { t.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		t.cancel()
		<-done
	}
	t.cancel()
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

// last is the context of work for which start is too late: that of Close, while
// it is under way.
func (t *tasks) last() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return context.Background()
	}
	return t.ctx
}
