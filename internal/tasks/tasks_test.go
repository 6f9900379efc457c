package tasks

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Work that nobody asks to stop has as long as Finish is patient; a loop ends at once.
func TestFinishWaitsForWorkAndEndsLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, began := New(), time.Now()
		var worked, looped time.Duration
		assert.True(t, g.Start(func(ctx context.Context) {
			assert.NoError(t, Pause(ctx, 10*time.Second))
			worked = time.Since(began)
		}))
		assert.True(t, g.Loop(func(ctx context.Context) {
			<-ctx.Done()
			looped = time.Since(began)
		}))
		time.Sleep(time.Second)
		assert.NoError(t, g.Stopping().Err())
		g.Finish(t.Context())
		assert.Equal(t, 10*time.Second, worked)
		assert.Equal(t, time.Second, looped)
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Error(t, g.Stopping().Err())
	})
}

func TestFinishCancelsWhatTakesLongerThanItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, began := New(), time.Now()
		ended := false
		g.Start(func(ctx context.Context) {
			assert.ErrorIs(t, Pause(ctx, time.Hour), context.Canceled)
			time.Sleep(time.Second) // to clear up
			ended = true
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		g.Finish(ctx)
		assert.True(t, ended, "nothing goes on after Finish")
		assert.Equal(t, 6*time.Second, time.Since(began))
	})
}

func TestNothingStartsOnceFinishHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		g.Start(func(ctx context.Context) {
			<-g.Stopping().Done()
			assert.False(t, g.Start(func(context.Context) { t.Error("started by work that ends") }))
			assert.False(t, g.Loop(func(context.Context) { t.Error("a loop") }))
		})
		g.Finish(t.Context())
		assert.False(t, g.Start(func(context.Context) { t.Error("started after the end") }))
		g.Finish(t.Context()) // and it ends again, at once
		synctest.Wait()
	})
}

// What comes too late for Start is done by its caller: within the patience of Finish, and
// after that with no bound but its own.
func TestLastIsBoundedByFinishWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		before := g.Last()
		var during context.Context
		g.Start(func(ctx context.Context) {
			<-g.Stopping().Done()
			during = g.Last()
			assert.NoError(t, during.Err(), "Finish is patient yet")
			<-ctx.Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g.Finish(ctx)
		assert.Error(t, before.Err())
		assert.Error(t, during.Err())
		assert.NoError(t, g.Last().Err())
	})
}

// The context of work is no leak once the work is done in time.
func TestFinishInTimeCancelsTheContext(t *testing.T) {
	g := New()
	var of context.Context
	g.Start(func(ctx context.Context) { of = ctx })
	g.Finish(t.Context())
	assert.Error(t, of.Err())
}

func TestPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		assert.NoError(t, Pause(t.Context(), time.Minute))
		assert.Equal(t, time.Minute, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, Pause(ctx, time.Minute), context.DeadlineExceeded)
		assert.Equal(t, time.Minute+time.Second, time.Since(began))
	})
}

// The race detector ends a process that is wrong here, and -race alone sees it.
func TestManyPauseForNothingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pausing sync.WaitGroup
		for range 100 {
			pausing.Go(func() {
				for range 100 {
					assert.NoError(t, Pause(t.Context(), 0))
				}
			})
		}
		pausing.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, Pause(ended, 0), context.Canceled)
	})
}
