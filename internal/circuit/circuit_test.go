package circuit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/storage"
)

var errDown = errors.New("down")

// fixture is a circuit, what it logs, and how often it has closed.
type fixture struct {
	*Circuit
	log    bytes.Buffer
	closed int
}

func newFixture() *fixture {
	f := &fixture{}
	f.Circuit = New(slog.New(slog.NewTextHandler(&f.log, nil)), func() { f.closed++ })
	return f
}

// ask asks a store that takes its time, and reports whether it was asked at all.
func (f *fixture) ask(takes time.Duration, answer error) (asked bool, err error) {
	err = f.Read(context.Background(), func() error {
		asked = true
		time.Sleep(takes)
		return answer
	})
	return asked, err
}

// fail opens the circuit.
func (f *fixture) fail() {
	for range minFailures {
		_, _ = f.ask(patience/minFailures, errDown)
	}
}

func TestACircuitOpensWhenNothingButFailuresComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		for range 100 {
			_, err := f.ask(0, errDown)
			assert.ErrorIs(t, err, errDown, "a moment is no outage")
		}
		time.Sleep(patience)
		_, _ = f.ask(0, errDown)
		asked, err := f.ask(0, nil)
		assert.False(t, asked)
		assert.ErrorIs(t, err, ErrOpen)
		assert.Equal(t, 1, strings.Count(f.log.String(), "does not answer"))

		for range 3 { // one a second finds out
			time.Sleep(probeEvery)
			asked, _ = f.ask(0, errDown)
			assert.True(t, asked)
			asked, _ = f.ask(0, errDown)
			assert.False(t, asked)
		}
		time.Sleep(probeEvery)
		_, err = f.ask(0, storage.ErrNotFound)
		assert.ErrorIs(t, err, storage.ErrNotFound, "which is an answer")
		asked, _ = f.ask(0, nil)
		assert.True(t, asked)
		assert.Equal(t, 1, strings.Count(f.log.String(), "answers again"))
		assert.Equal(t, 1, f.closed)
		assert.Equal(t, 1, strings.Count(f.log.String(), "does not answer"))
	})
}

func TestAnAnswerBetweenFailuresKeepsTheCircuitClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		for range 20 {
			for range minFailures - 1 {
				_, _ = f.ask(patience, errDown)
			}
			_, err := f.ask(0, storage.ErrConflict)
			assert.ErrorIs(t, err, storage.ErrConflict)
		}
		assert.Empty(t, f.log.String())
	})
}

func TestASlowAnswerIsPassedOnAndCountsAsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		for range minFailures {
			asked, err := f.ask(Slow, nil)
			assert.True(t, asked)
			assert.NoError(t, err)
		}
		_, err := f.ask(0, nil)
		assert.ErrorIs(t, err, ErrOpen)
	})
}

func TestACallerWhoGivesUpSaysNothingOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 * minFailures {
			_ = f.Read(gone, func() error { time.Sleep(patience); return gone.Err() })
		}
		assert.Empty(t, f.log.String())

		f.fail()
		time.Sleep(probeEvery)
		_ = f.Read(gone, func() error { return gone.Err() })
		_, err := f.ask(0, nil)
		assert.ErrorIs(t, err, ErrOpen, "nor does it close the circuit")
	})
}

// The bound of a request may come with its context.
func TestADeadlineThatWasTimeEnoughIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		waitFor := func(d time.Duration) {
			for range minFailures {
				ctx, cancel := context.WithTimeout(t.Context(), d)
				_ = f.Read(ctx, func() error { <-ctx.Done(); return ctx.Err() })
				cancel()
			}
		}
		waitFor(Slow / 2)
		_, err := f.ask(0, nil)
		assert.NoError(t, err, "its caller was in a hurry")
		waitFor(Slow)
		_, err = f.ask(0, nil)
		assert.ErrorIs(t, err, ErrOpen)
	})
}

// Writes wait for replicas; that these are down is no outage of the store.
func TestReplicasThatDoNotConfirmOpenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		for range 2 * minFailures {
			_, err := f.ask(2*Slow, storage.ErrNotReplicated)
			assert.ErrorIs(t, err, storage.ErrNotReplicated)
		}
		assert.Empty(t, f.log.String())
	})
}

func TestWhatNoRequestWaitsForGoesAroundTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.fail()
		asked := false
		assert.NoError(t, f.Read(Around(t.Context()), func() error { asked = true; return nil }))
		assert.True(t, asked)
		_, err := f.ask(0, nil)
		assert.ErrorIs(t, err, ErrOpen, "it is not a look whether the store is back")
		assert.True(t, Unasked(err))
		assert.False(t, Unasked(errDown))
	})
}

func TestOnlySoManyWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		var busy atomic.Int64
		var all sync.WaitGroup
		for range MaxInFlight + 100 {
			all.Go(func() {
				if _, err := f.ask(Slow/2, nil); errors.Is(err, ErrBusy) {
					busy.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 100, busy.Load())
		_, err := f.ask(0, nil)
		assert.NoError(t, err, "they have made room")
	})
}

func TestNoCircuitStopsNobody(t *testing.T) {
	var none *Circuit
	assert.ErrorIs(t, none.Read(t.Context(), func() error { return errDown }), errDown)
}

// net/http recovers from the panic of a request, and goes on.
func TestAStoreThatPanicsLeavesNobodyWaiting(t *testing.T) {
	f := newFixture()
	for range MaxInFlight {
		assert.Panics(t, func() { _ = f.Read(t.Context(), func() error { panic("a store's") }) })
	}
	asked, err := f.ask(0, nil)
	assert.True(t, asked)
	assert.NoError(t, err)
}

func TestAWriteThatTakesItsTimeSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		for range 2 * minFailures {
			assert.NoError(t, f.Write(t.Context(), func() error { time.Sleep(2 * Slow); return nil }))
		}
		for range 2 * minFailures {
			assert.ErrorIs(t, f.Write(t.Context(), func() error { time.Sleep(Slow); return errDown }), errDown)
			if f.open {
				break
			}
		}
		assert.True(t, f.open, "that it fails does")
		asked := 0
		ask := func() error { asked++; return nil }
		assert.ErrorIs(t, f.Write(t.Context(), ask), ErrOpen)
		assert.NoError(t, f.Write(Insist(t.Context()), ask))
		assert.Equal(t, 1, asked)
	})
}

// A logout everywhere is not made again, so it asks the store although the circuit is
// open. Its caller may give it up: that must not keep the others from finding out
// whether the store answers again.
func TestWhoInsistsIsLetInAndTakesNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.fail()
		insist := func(answer error) {
			ctx, cancel := context.WithCancel(Insist(context.Background()))
			defer cancel()
			asked := false
			_ = f.Write(ctx, func() error {
				asked = true
				if answer != nil {
					cancel()
				}
				return answer
			})
			assert.True(t, asked)
		}
		for range 9 {
			time.Sleep(probeEvery / 10)
			insist(context.Canceled)
			asked, err := f.ask(0, nil)
			assert.False(t, asked)
			assert.ErrorIs(t, err, ErrOpen)
		}
		time.Sleep(probeEvery / 10)
		insist(context.Canceled)
		asked, err := f.ask(0, nil)
		assert.True(t, asked, "it is a second since the last one could find out")
		assert.NoError(t, err)
		assert.Equal(t, 1, f.closed)

		f.fail()
		insist(nil)
		assert.Equal(t, 2, f.closed, "an answer is an answer, whoever asked")
	})
}
