// Package circuit keeps requests from waiting for a store that does not answer.
//
// It is closed as long as the store answers, and each request asks it, within a bound
// of the caller's. When nothing but failures has come back for a second, it opens:
// requests fail at once, but for one a second, which finds out whether the store
// answers again. Requests are not tried again: what must not be lost is kept by package
// retry, which goes around the circuit, as does all that no request waits for.
package circuit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/storeanswer"
	"github.com/passport-go/passport/storage"
)

const (
	// MaxInFlight bounds how many requests wait for the store at once. A store that
	// answers in a millisecond serves a million a second with it.
	MaxInFlight = 1024

	// Slow is what counts as a failure although there was an answer, except to a write:
	// a store may have been told to wait for its replicas and their disks.
	Slow = time.Second

	minFailures = 5           // in a row, before the circuit opens
	patience    = time.Second // since the first of them began
	probeEvery  = time.Second
)

var (
	// ErrOpen reports a store that has not answered for a while.
	ErrOpen = errors.New("the store does not answer: it is asked again shortly")

	// ErrBusy reports that MaxInFlight requests wait already.
	ErrBusy = errors.New("too many requests wait for the store")

	errPanic = errors.New("the store has panicked")
)

// Circuit is closed at first. A nil Circuit stays closed, and bounds nothing. Its
// methods may be called from many goroutines at once.
type Circuit struct {
	logger *slog.Logger
	closed func() // is told when it closes

	mu       sync.Mutex
	inFlight int
	failures int       // in a row
	failing  time.Time // when the first of them began
	open     bool
	probe    time.Time // when one request may find out, if it is open
}

// New returns a circuit that logs when it opens and closes. When it closes again it
// calls closed, in the goroutine of the request that was answered.
func New(logger *slog.Logger, closed func()) *Circuit {
	return &Circuit{logger: logger, closed: closed}
}

type aroundKey struct{}

// Around returns a context for work that no request waits for, or that must not be
// lost: circuits let it pass, and do not count it.
func Around(ctx context.Context) context.Context { return context.WithValue(ctx, aroundKey{}, true) }

// GoesAround reports whether ctx is one of [Around].
func GoesAround(ctx context.Context) bool { return ctx.Value(aroundKey{}) != nil }

type insistKey struct{}

// Insist returns a context for requests that are not made again if they are refused,
// such as the logout of all of a user's sessions: the store is asked even while the
// circuit is open, by no more than MaxInFlight at once.
func Insist(ctx context.Context) context.Context { return context.WithValue(ctx, insistKey{}, true) }

// Insists reports whether ctx is one of [Insist].
func Insists(ctx context.Context) bool { return ctx.Value(insistKey{}) != nil }

// Unasked reports whether the circuit was open, or full, so that the store was not
// asked.
func Unasked(err error) bool { return errors.Is(err, ErrOpen) || errors.Is(err, ErrBusy) }

// Read asks the store, or returns ErrOpen or ErrBusy without asking.
func (c *Circuit) Read(ctx context.Context, ask func() error) error {
	return c.do(ctx, ask, (*Circuit).failed)
}

// Write is Read for a write. If it takes its time and is done, that says nothing.
func (c *Circuit) Write(ctx context.Context, ask func() error) error {
	return c.do(ctx, ask, func(*Circuit, time.Time, error) {})
}

// do calls slow, with mu held, after an answer that has taken longer than Slow.
func (c *Circuit) do(ctx context.Context, ask func() error, slow func(*Circuit, time.Time, error)) error {
	if c == nil || GoesAround(ctx) {
		return ask()
	}
	began := time.Now()
	if err := c.enter(ctx, began); err != nil {
		return err
	}
	err := errPanic // unless it returns
	defer func() { c.leave(ctx, began, err, slow) }()
	err = ask()
	return err
}

func (c *Circuit) enter(ctx context.Context, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight >= MaxInFlight {
		return ErrBusy
	}
	if c.open && !Insists(ctx) {
		if now.Before(c.probe) {
			return ErrOpen
		}
		c.probe = now.Add(probeEvery)
	}
	c.inFlight++
	return nil
}

// leave notes how a request has ended. One that its own caller has given up says
// nothing about the store, unless it is a deadline that would have been time enough. Nor
// do replicas that take their time: the store has answered.
func (c *Circuit) leave(ctx context.Context, began time.Time, err error, slow func(*Circuit, time.Time, error)) {
	inTime := time.Since(began) < Slow
	c.mu.Lock()
	c.inFlight--
	closes := false
	switch {
	case !storeanswer.Is(err) && (errors.Is(ctx.Err(), context.Canceled) || ctx.Err() != nil && inTime):
	case storeanswer.Is(err) && (inTime || errors.Is(err, storage.ErrNotReplicated)):
		c.failures, closes, c.open = 0, c.open, false
	case storeanswer.Is(err):
		slow(c, began, err)
	default:
		c.failed(began, err)
	}
	failing := c.failing
	c.mu.Unlock()
	if closes {
		c.logger.Warn("passport: the store answers again", "after", time.Since(failing).Round(time.Millisecond))
		c.closed()
	}
}

// failed is for the holder of mu.
func (c *Circuit) failed(began time.Time, err error) {
	if c.failures == 0 || began.Before(c.failing) {
		c.failing = began
	}
	c.failures++
	if c.open || c.failures < minFailures || time.Since(c.failing) < patience {
		return
	}
	c.open, c.probe = true, time.Now().Add(probeEvery)
	c.logger.Error("passport: the store does not answer in time: requests get a 503 until it does, and logouts are tried again",
		"failures", c.failures, "error", err)
}
