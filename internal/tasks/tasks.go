// Package tasks owns the goroutines of a Passport, and ends them.
package tasks

import (
	"context"
	"sync"
	"time"
)

// Group owns goroutines. [Group.Finish] ends them. Its methods may be called from
// many goroutines at once.
type Group struct {
	mu     sync.Mutex
	closed bool
	over   bool // nothing is running any more
	wg     sync.WaitGroup
	ctx    context.Context // done when the patience of Finish is over
	cancel context.CancelFunc

	stopping context.Context // done when Finish begins: loops end, other work goes on
	stop     context.CancelFunc
}

// New returns an empty group.
func New() *Group {
	g := &Group{}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.stopping, g.stop = context.WithCancel(g.ctx)
	return g
}

// Loop is Start for work that goes on until Finish begins.
func (g *Group) Loop(f func(ctx context.Context)) bool {
	return g.Start(func(context.Context) { f(g.stopping) })
}

// Start runs f in a goroutine of its own. It reports false, and does nothing, if
// Finish has begun.
func (g *Group) Start(f func(ctx context.Context)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Go(func() { f(g.ctx) })
	return true
}

// Stopping is done when Finish begins.
func (g *Group) Stopping() context.Context { return g.stopping }

// Finish refuses new work and waits for what is running, until ctx is done; then
// it cancels the rest and waits for that.
func (g *Group) Finish(ctx context.Context) {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.stop()

	done := make(chan struct{})
	go func() { g.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		g.cancel()
		<-done
	}
	g.cancel()
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
}

// Last is the context of work for which Start is too late: that of Finish while
// it runs, and one that never ends afterwards.
func (g *Group) Last() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return context.Background()
	}
	return g.ctx
}

// Pause waits for d, or returns the error of a ctx that is done first. Where there is
// nothing to wait for, it makes no timer: one that is due before anybody waits for it
// is fired by whoever comes, and in a bubble of testing/synctest the race detector
// crashes if two do so at once (Go issue 78156).
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
