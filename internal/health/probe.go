// Package health finds out whether something that a program depends on works, at a cost
// that does not grow with the number of those who ask.
package health

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Config is what a [Probe] needs. All fields are required.
type Config struct {
	// Check finds out. It honours its context, or goes on alone: a second one does not
	// begin before the first has ended.
	Check func(ctx context.Context) error

	Timeout  time.Duration // of one check
	Life     time.Duration // of its result
	Patience time.Duration // of those who ask; they get the result before, unless that is older than Life and Timeout

	// Start runs f in a goroutine, or reports that it is too late for one.
	Start func(f func(ctx context.Context)) bool
}

// Result is what was found.
type Result struct {
	At   time.Time     // when the check began
	Took time.Duration // how long it took
	Err  error         // nil: it works
}

var (
	errSlow    = errors.New("no answer in time")
	errClosing = errors.New("closed")
)

// Probe keeps the last result. Its methods may be called from many goroutines at once.
type Probe struct {
	c Config

	mu      sync.Mutex
	last    Result
	running *run // nil: none
}

// run is a check that is under way.
type run struct {
	begun time.Time
	done  chan struct{} // closed when last is its result
}

// New returns a Probe that has not checked anything.
func New(c Config) *Probe { return &Probe{c: c} }

// Result returns the last result if it is young enough, and otherwise waits for a new
// one: for as long as Config.Patience says, or until the check times out, or ctx ends.
// However many ask, one check runs.
func (p *Probe) Result(ctx context.Context) Result {
	p.mu.Lock()
	if !p.last.At.IsZero() && time.Since(p.last.At) < p.c.Life {
		defer p.mu.Unlock()
		return p.last
	}
	r := p.running
	if r == nil {
		r = &run{begun: time.Now(), done: make(chan struct{})}
		if !p.c.Start(func(ctx context.Context) { p.check(ctx, r) }) {
			p.mu.Unlock()
			return Result{At: r.begun, Err: errClosing}
		}
		p.running = r
	}
	p.mu.Unlock()
	return p.wait(ctx, r)
}

func (p *Probe) wait(ctx context.Context, r *run) Result {
	patience := time.NewTimer(min(p.c.Patience, p.c.Timeout-time.Since(r.begun)))
	defer patience.Stop()
	select {
	case <-r.done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.last
	case <-patience.C:
		if last, known := p.before(r); known {
			return last
		}
		return Result{At: r.begun, Took: time.Since(r.begun), Err: errSlow}
	case <-ctx.Done():
		return Result{At: r.begun, Took: time.Since(r.begun), Err: ctx.Err()}
	}
}

// before is the last result while a check is under way that has not timed out. One of
// long ago says nothing, as when nobody has asked for an hour.
func (p *Probe) before(r *run) (last Result, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	young := !p.last.At.IsZero() && time.Since(p.last.At) < p.c.Life+p.c.Timeout
	return p.last, young && time.Since(r.begun) < p.c.Timeout
}

func (p *Probe) check(ctx context.Context, r *run) {
	ctx, cancel := context.WithTimeout(ctx, p.c.Timeout)
	defer cancel()
	err := p.c.Check(ctx)
	took := time.Since(r.begun)
	if err == nil && took >= p.c.Timeout {
		err = errSlow
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.running = Result{At: r.begun, Took: took, Err: err}, nil
	close(r.done)
}
