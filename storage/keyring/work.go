package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The keyring of the system may not answer before its user has typed a password,
// and the library that asks it waits for that however long it takes. So calls are
// made in a goroutine, and whoever waits for one can give up. The goroutine ends
// when the keyring answers, and changes nothing then.

var (
	// ErrLocked reports that the keyring is locked, and the user did not unlock it
	// in time, or declined.
	ErrLocked = errors.New("storage/keyring: the keyring is locked: unlock it and try again")

	// ErrNoKeyring reports that there is no keyring: no D-Bus session, or no Secret
	// Service in it. Use storage/file instead.
	ErrNoKeyring = errors.New("storage/keyring: there is no keyring: start one, or use storage/file")
)

// errNoAnswer reports that the keyring does not say what state it is in.
var errNoAnswer = errors.New("storage/keyring: the keyring does not answer: log in again, or use storage/file")

// calls lets one goroutine of this process use the keyring at a time: not every
// implementation of a keyring can do with more.
var calls = make(chan struct{}, 1)

// stuck counts the goroutines that nobody waits for any more. While the keyring
// is locked, there is no second one.
var stuck atomic.Int32

const (
	mostStuck = 4

	// probeTimeout bounds how long it takes to find out what is wrong.
	probeTimeout = 2 * time.Second
)

// work is done by a goroutine for somebody who may give up.
type work struct {
	decided atomic.Bool // by commit, or by giving up: whichever was first

	mu     sync.Mutex
	asking bool // the keyring has been asked
	over   bool // done, or given up
	held   []func()
}

// commit is to be called before anything is changed or returned. It reports false
// if nobody waits any more.
func (w *work) commit() bool { return w.decided.CompareAndSwap(false, true) }

// errGivenUp is for a goroutine that nobody waits for any more.
var errGivenUp = errors.New("given up")

// hold keeps something for as long as somebody waits.
func (w *work) hold(release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		release()
		return
	}
	w.held = append(w.held, release)
}

// end releases everything. It reports whether the keyring has been asked, and
// whether this was the first time.
func (w *work) end() (asked, first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, w.over = !w.over, true
	for _, release := range slices.Backward(w.held) {
		release()
	}
	w.held = nil
	return w.asking, first
}

// wait runs do until ctx is done, or to its end if it has committed itself by
// then.
func wait(ctx context.Context, do func(*work) error) error {
	w, done := &work{}, make(chan error, 1)
	go func() { // ends when the keyring answers
		err := do(w)
		if asked, first := w.end(); asked && !first {
			stuck.Add(-1)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return explain(err)
	case <-ctx.Done():
	}
	if !w.commit() {
		return explain(<-done)
	}
	asked, first := w.end()
	if asked && first {
		stuck.Add(1)
	}
	if !asked {
		return ctx.Err()
	}
	return explain(ctx.Err())
}

// ask calls do when no other goroutine of this process uses the keyring.
func (w *work) ask(ctx context.Context, do func() error) error {
	if err := system.reachable(); err != nil {
		return err
	}
	if n := stuck.Load(); n > 0 { // on what this call would wait for too
		if err := system.probe(ctx); err != nil {
			return err
		}
		if n >= mostStuck {
			return errNoAnswer
		}
	}
	if stuck.Load() == 0 || !system.concurrent {
		select {
		case calls <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-calls }()
	}
	w.mu.Lock()
	w.asking = !w.over
	over := w.over
	w.mu.Unlock()
	if over {
		return errGivenUp
	}
	return do()
}

// state tells what is wrong with the keyring of a system.
type state struct {
	// reachable is asked before each call, and returns ErrNoKeyring if there is
	// not even somebody to ask.
	reachable func() error

	// probe returns ErrLocked, ErrNoKeyring, errNoAnswer, or nil if all is well.
	// It never asks the user.
	probe func(context.Context) error

	// concurrent says that a call need not wait for one that is stuck.
	concurrent bool
}

// explain finds out whether the state of the keyring was the reason for err.
func explain(err error) error {
	if err == nil || errors.Is(err, ErrLocked) || errors.Is(err, ErrNoKeyring) || errors.Is(err, errNoAnswer) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	if state := system.probe(ctx); state != nil {
		return fmt.Errorf("%w (%w)", state, err)
	}
	return err
}
