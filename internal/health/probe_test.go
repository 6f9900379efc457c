package health

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/tasks"
)

var errDown = errors.New("down")

func start(f func(context.Context)) bool {
	go f(context.Background())
	return true
}

func TestAFloodOfProbesMakesOneCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int32
		answer := errDown
		p := New(Config{Timeout: 2 * time.Second, Patience: 2 * time.Second, Life: 5 * time.Second, Start: start, Check: func(context.Context) error {
			checks.Add(1)
			time.Sleep(time.Second)
			return answer
		}})
		ask := func() {
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() { assert.Equal(t, answer, p.Result(t.Context()).Err) })
			}
			all.Wait()
		}
		ask()
		assert.EqualValues(t, 1, checks.Load())
		time.Sleep(3 * time.Second)
		ask()
		assert.EqualValues(t, 1, checks.Load(), "the result is still good")
		answer = nil
		time.Sleep(time.Second)
		ask()
		assert.EqualValues(t, 2, checks.Load(), "it is looked at again")
	})
}

// A store that hangs and ignores its context holds one goroutine, and no probe.
func TestACheckThatHangsIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int32
		hang := make(chan struct{})
		p := New(Config{Timeout: 2 * time.Second, Patience: 2 * time.Second, Life: 5 * time.Second, Start: start, Check: func(context.Context) error {
			checks.Add(1)
			<-hang
			return nil
		}})
		begun := time.Now()
		assert.Equal(t, errSlow, p.Result(t.Context()).Err)
		assert.Equal(t, 2*time.Second, time.Since(begun))
		for range 100 {
			begun = time.Now()
			assert.Equal(t, errSlow, p.Result(t.Context()).Err)
			assert.Zero(t, time.Since(begun), "it has been waited for long enough")
		}
		assert.EqualValues(t, 1, checks.Load())
		close(hang)
		synctest.Wait()
		time.Sleep(5 * time.Second)
		assert.NoError(t, p.Result(t.Context()).Err)
	})
}

func TestACallerThatLeavesDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{Timeout: 2 * time.Second, Patience: 2 * time.Second, Life: time.Second, Start: start, Check: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, p.Result(ctx).Err, context.DeadlineExceeded)
		time.Sleep(2 * time.Second)
	})
}

func TestNothingBeginsOnceItIsTooLate(t *testing.T) {
	p := New(Config{Timeout: time.Second, Life: time.Second, Start: func(func(context.Context)) bool { return false }})
	for range 2 {
		assert.Equal(t, errClosing, p.Result(t.Context()).Err)
	}
}

// A provider that hangs must not make a probe time out which asks for the store, too.
func TestTheImpatientGetTheResultBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var takes atomic.Int64
		takes.Store(int64(5 * time.Second))
		p := New(Config{Timeout: 4 * time.Second, Patience: time.Second, Life: 10 * time.Second, Start: start, Check: func(ctx context.Context) error {
			return tasks.Pause(ctx, time.Duration(takes.Load()))
		}})
		ask := func() (time.Duration, error) {
			begun := time.Now()
			err := p.Result(t.Context()).Err
			return time.Since(begun), err
		}
		took, err := ask()
		assert.Equal(t, errSlow, err, "nothing is known yet")
		assert.Equal(t, time.Second, took)
		time.Sleep(10 * time.Second)
		takes.Store(0)
		_, err = ask()
		assert.NoError(t, err)
		time.Sleep(10 * time.Second)
		takes.Store(int64(5 * time.Second))
		took, err = ask()
		assert.NoError(t, err, "the result before")
		assert.Equal(t, time.Second, took)
		time.Sleep(3 * time.Second)
		_, err = ask()
		assert.Error(t, err, "it has timed out")
	})
}

// The first probe after a quiet hour must not report what was true before it.
func TestAResultOfLongAgoIsNotTheResultBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		p := New(Config{Timeout: 4 * time.Second, Patience: time.Second, Life: 10 * time.Second, Start: start, Check: func(ctx context.Context) error {
			if !hangs.Load() {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}})
		for _, row := range []struct {
			age  time.Duration
			want error
		}{{12 * time.Second, nil}, {13 * time.Second, errSlow}, {time.Hour, errSlow}} { // and a second of patience
			hangs.Store(false)
			time.Sleep(time.Hour)
			assert.NoError(t, p.Result(t.Context()).Err)
			hangs.Store(true)
			time.Sleep(row.age)
			assert.Equal(t, row.want, p.Result(t.Context()).Err, "after %s", row.age)
			time.Sleep(5 * time.Second)
		}
	})
}
