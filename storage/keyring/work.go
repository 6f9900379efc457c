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

// The system's keyring may not answer until the user has typed a password, and the
// library waits for that without a bound. So calls are made in a goroutine, and the
// caller can give up. The goroutine ends when the keyring answers, and then changes
// nothing.

var (
	// ErrLocked reports that the keyring is locked, and the user did not unlock it
	// in time, declined, or cannot be asked, as on macOS over ssh.
	ErrLocked = errors.New("storage/keyring: the keyring is locked: unlock it and try again")

	// ErrNoKeyring reports that there is no keyring, or none that this program may use:
	// no D-Bus session, no Secret Service in it, or no keyring in that, as on a machine
	// without a desktop; a sandbox that forbids it; on Windows, a session over ssh or of
	// a scheduled task. Use storage/file instead.
	ErrNoKeyring = errors.New("storage/keyring: there is no keyring that this program may use: start one, allow it to the program, or use storage/file")
)

// errNoAnswer reports that the keyring does not answer when asked for its state.
var errNoAnswer = errors.New("storage/keyring: the keyring does not answer: log in again, or use storage/file")

// calls lets one goroutine of this process use the keyring at a time: not every keyring
// supports concurrent calls.
var calls = make(chan struct{}, 1)

// stuck counts the goroutines that nobody waits for any more. While the keyring is
// locked, there is at most one.
var stuck atomic.Int32

const (
	mostStuck = 4

	// probeTimeout bounds the check of what is wrong.
	probeTimeout = 2 * time.Second
)

// work is done by a goroutine for a caller that may give up.
type work struct {
	decided atomic.Bool // by commit, or by giving up: whichever was first

	mu     sync.Mutex
	asking bool // the keyring has been asked
	over   bool // done, or given up
	held   []func()
}

// commit must be called before anything is changed or returned. It reports false if the
// caller has given up.
func (w *work) commit() bool { return w.decided.CompareAndSwap(false, true) }

// errGivenUp ends a goroutine whose caller has given up.
var errGivenUp = errors.New("given up")

// hold registers a function that end calls.
func (w *work) hold(release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		release()
		return
	}
	w.held = append(w.held, release)
}

// end releases everything. It reports whether the keyring has been called, and whether
// this was the first call of end.
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

// wait runs do until ctx is done, or to its end if it has called commit by then.
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
		return fmt.Errorf("storage/keyring: another process of this program, or another call, is using the keyring: %w", ctx.Err())
	}
	return explain(ctx.Err())
}

// ask calls do while no other goroutine of this process uses the keyring.
func (w *work) ask(ctx context.Context, do func() error) error {
	if err := system.reachable(); err != nil {
		return err
	}
	if n := stuck.Load(); n > 0 { // this call would get stuck too
		if err := check(ctx); err != nil {
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

// state finds out what is wrong with a system's keyring.
type state struct {
	// reachable is called before each call, and returns ErrNoKeyring if there is
	// nothing to call.
	reachable func() error

	// meaning returns ErrLocked or ErrNoKeyring if an error of the library says so.
	// Nil if none does.
	meaning func(error) error

	// probe returns ErrLocked, ErrNoKeyring, errNoAnswer, or nil if all is well.
	// It never prompts the user. Call it through check.
	probe func(context.Context) error

	// concurrent says that a call does not have to wait for one that is stuck.
	concurrent bool
}

// explain adds to err the state of the keyring, if that is the reason for it.
func explain(err error) error {
	if err == nil || errors.Is(err, ErrLocked) || errors.Is(err, ErrNoKeyring) || errors.Is(err, errNoAnswer) {
		return err
	}
	var state error
	if system.meaning != nil {
		state = system.meaning(err)
	}
	if state == nil {
		state = check(context.Background())
	}
	if state != nil {
		return fmt.Errorf("%w (%w)", state, err)
	}
	return err
}

// check returns the state of the keyring, which may not answer.
func check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return system.probe(ctx)
}

// available and answers are of a keyring that is part of the system.
func available() error { return nil }

func answers(context.Context) error { return nil }
