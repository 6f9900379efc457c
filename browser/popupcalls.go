package browser

import (
	"context"
	"sync"

	"github.com/passport-go/passport/internal/dom"
)

// popupCalls makes concurrent calls share one window and the work in it.
type popupCalls[T any] struct {
	mu      sync.Mutex
	current *popupWork[T] // or nil
}

// popupWork is work in a popup that at least one call waits for.
type popupWork[T any] struct {
	popup   *popup
	stale   func() bool
	waiting int
	cancel  context.CancelCauseFunc
	done    chan struct{}
	result  T
	err     error
}

// popupJob is what the first call brings. begin runs before any other call can join.
// A later call joins the work unless it is stale then.
type popupJob[T any] struct {
	begin func()
	stale func() bool
	work  func(context.Context, *popup) (T, error)
}

// do joins the work in progress, or begins it, and waits for it until ctx is done. The
// work ends early when nobody waits any more; the last caller gets what it has achieved.
// opened is the window that the caller's click has opened.
func (c *popupCalls[T]) do(ctx context.Context, p *Passport, opened dom.Value, job popupJob[T]) (T, error) {
	w := c.join(p, opened, job)
	select {
	case <-w.done:
		return w.result, w.err
	case <-ctx.Done():
	}
	if !c.leave(w, ctx.Err()) {
		var none T
		return none, ctx.Err()
	}
	<-w.done
	return w.result, w.err
}

func (c *popupCalls[T]) join(p *Passport, opened dom.Value, job popupJob[T]) *popupWork[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.current; w != nil {
		if !w.stale() {
			w.waiting++
			w.popup.use(opened)
			return w
		}
		w.cancel(ErrPopupClosed)
	}
	ctx, cancel := context.WithCancelCause(p.life)
	w := &popupWork[T]{popup: &popup{window: opened}, stale: job.stale, waiting: 1, cancel: cancel, done: make(chan struct{})}
	c.current = w
	job.begin()
	p.work.Go(func() {
		w.result, w.err = job.work(ctx, w.popup)
		c.end(w)
	})
	return w
}

// leave is for a call that waits no more. It cancels the work if that was the last one.
func (c *popupCalls[T]) leave(w *popupWork[T], why error) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.waiting--
	if w.waiting > 0 {
		return false
	}
	w.cancel(why)
	if c.current == w {
		c.current = nil
	}
	return true
}

// end closes the window, unless later work has taken it over.
func (c *popupCalls[T]) end(w *popupWork[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == w {
		c.current = nil
	}
	if c.current == nil {
		w.popup.close()
	}
	w.cancel(nil)
	close(w.done)
}
