package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

var errDown = errors.New("down")

// job counts how often it was tried while the store was down, and how often it was
// done.
type job struct {
	down        *atomic.Bool
	tried, done atomic.Int32
	parts       int
}

func (j *job) Do(ctx context.Context) error {
	if !circuit.GoesAround(ctx) {
		return errors.New("a circuit that is open must not hold it up")
	}
	if j.down.Load() {
		j.tried.Add(1)
		return errDown
	}
	j.done.Add(1)
	return nil
}

func (j *job) After(older Job) Job {
	if o, ok := older.(*job); ok {
		j.parts += 1 + o.parts
	}
	return j
}

func (j *job) Loses() bool { return j.parts == 1 }

func bubble(t *testing.T, f func(t *testing.T, q *Queue, down *atomic.Bool)) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		q := New(group, time.Second, slog.New(slog.DiscardHandler))
		down := &atomic.Bool{}
		down.Store(true)
		f(t, q, down)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		group.Finish(ctx)
	})
}

func TestAJobIsTriedUntilItIsDoneAndNotAgain(t *testing.T) {
	bubble(t, func(t *testing.T, q *Queue, down *atomic.Bool) {
		j := &job{down: down}
		q.Add("a", j)
		assert.True(t, q.Waits("a"))
		time.Sleep(10 * time.Minute)
		assert.InDelta(t, 14, j.tried.Load(), 2, "less often as time goes by, and at least once a minute")
		down.Store(false)
		time.Sleep(longestPause + time.Second)
		assert.False(t, q.Waits("a"))
		time.Sleep(time.Hour)
		assert.EqualValues(t, 1, j.done.Load())

		later := &job{down: down} // the goroutine has ended, and begins again
		q.Add("b", later)
		time.Sleep(2 * time.Second)
		assert.EqualValues(t, 1, later.done.Load())
	})
}

func TestAJobOfTheSameIDDoesWhatTheOlderOneWouldHaveDone(t *testing.T) {
	bubble(t, func(t *testing.T, q *Queue, down *atomic.Bool) {
		older, newer := &job{down: down}, &job{down: down}
		q.Add("a", older)
		q.Add("a", newer)
		down.Store(false)
		q.Try(t.Context())
		assert.Zero(t, older.done.Load())
		assert.EqualValues(t, 1, newer.done.Load())
		assert.Equal(t, 1, newer.parts)
	})
}

// adder adds another job of its ID while it is being done.
type adder struct {
	job
	q    *Queue
	next *job
}

func (a *adder) Do(context.Context) error {
	a.q.Add("a", a.next)
	return nil
}

func TestAJobThatIsAddedWhileAnOlderOneIsDoneStillWaits(t *testing.T) {
	bubble(t, func(t *testing.T, q *Queue, down *atomic.Bool) {
		a := &adder{job: job{down: down}, q: q, next: &job{down: down}}
		q.Add("a", a)
		down.Store(false)
		q.Try(t.Context())
		assert.True(t, q.Waits("a"))
		q.Try(t.Context())
		assert.False(t, q.Waits("a"))
		assert.EqualValues(t, 1, a.next.done.Load())
	})
}

func TestTheJobsThatWaitAreBoundedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		var log strings.Builder
		q := New(group, time.Second, slog.New(slog.NewTextHandler(&log, nil)))
		down := &atomic.Bool{}
		down.Store(true)
		for i := range mostJobs + 2 {
			q.Add(fmt.Sprint(i), &job{down: down, parts: i % 2})
		}
		assert.Equal(t, 2, strings.Count(log.String(), "too many logouts"))
		assert.False(t, q.Waits(fmt.Sprint(mostJobs)))
		assert.Equal(t, mostJobs/2, q.Losses())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		group.Finish(ctx)
		require.True(t, q.Waits("0"))
	})
}

// unsafeJob is done, and not safe until the replicas are back.
type unsafeJob struct{ job }

func (u *unsafeJob) Do(ctx context.Context) error {
	if u.job.Do(ctx) != nil {
		return storage.ErrNotReplicated
	}
	return nil
}

func TestJobsThatWaitForReplicasHoldUpNoOthers(t *testing.T) {
	bubble(t, func(t *testing.T, q *Queue, down *atomic.Bool) {
		var up atomic.Bool
		unsafe := &unsafeJob{job{down: down}}
		q.Add("unsafe", unsafe)
		others := make([]*job, 20)
		for i := range others {
			others[i] = &job{down: &up}
			q.Add(fmt.Sprint(i), others[i])
		}
		q.Try(t.Context())
		for _, other := range others {
			assert.EqualValues(t, 1, other.done.Load())
		}
		assert.True(t, q.Waits("unsafe"))
		assert.Equal(t, 1, q.Count(func(Job) bool { return true }))
		down.Store(false)
		q.Try(t.Context())
		assert.False(t, q.Waits("unsafe"))
	})
}

// The order of a map is another each time.
func TestWhatLosesASessionIsTriedFirst(t *testing.T) {
	bubble(t, func(t *testing.T, q *Queue, down *atomic.Bool) {
		down.Store(false)
		for range 20 {
			var order []string
			for i := range 5 {
				q.Add(fmt.Sprint("keeps ", i), &noted{job{down: down}, &order})
			}
			q.Add("loses", &noted{job{down: down, parts: 1}, &order})
			q.Try(t.Context())
			require.Len(t, order, 6)
			assert.Equal(t, "true", order[0])
		}
	})
}

// noted notes what it loses, when it is done.
type noted struct {
	job
	order *[]string
}

func (n *noted) Do(context.Context) error {
	*n.order = append(*n.order, fmt.Sprint(n.Loses()))
	return nil
}

func TestAJobThatLosesASessionAndFailsKeepsNoOtherWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, q *Queue, down *atomic.Bool) {
		up := &atomic.Bool{}
		other := &job{down: up}
		q.Add("fails", &job{down: down, parts: 1})
		q.Add("other", other)
		q.Try(t.Context())
		assert.EqualValues(t, 1, other.done.Load())
	})
}
