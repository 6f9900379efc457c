package revocation

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/storage"
)

// endAll ends sessions without waiting for their revocation.
func (p *process) endAll(n int) {
	for _, id := range ids(n) {
		p.Revoke(p.end(id))
	}
}

func (p *provider) revokedOnce(t *testing.T, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Len(t, p.revoked, n)
	for id, times := range p.revoked {
		assert.Equal(t, 1, times, id)
	}
}

func TestManyRevocationsDoNotOverrunTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: time.Second}
		p := start(t, newStore(), provider)
		p.endAll(300)
		time.Sleep(15 * time.Second)
		p.stop(t.Context())
		assert.Equal(t, maxConcurrent, provider.most)
		provider.revokedOnce(t, 300)
	})
}

// There is more to revoke than can be done within the lease.
func TestARevocationThatWaitsTooLongIsClaimedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: 9 * time.Second}
		p := start(t, newStore(), provider)
		p.Begin()
		p.endAll(10 * maxConcurrent)
		time.Sleep(10 * time.Minute)
		p.stop(t.Context())
		assert.LessOrEqual(t, provider.most, maxConcurrent)
		provider.revokedOnce(t, 10*maxConcurrent)
	})
}

func TestADurableQueueKeepsWhatIsTooMuchForTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: time.Millisecond}
		p := start(t, newStore(), provider)
		p.Begin()
		var last chan Outcome
		for _, id := range ids(maxJobs + 50) {
			last = make(chan Outcome, 1)
			p.RevokeTo(last, p.end(id))
		}
		assert.Equal(t, Pending, <-last, "left to the queue")
		time.Sleep(5 * time.Minute)
		p.stop(t.Context())
		assert.Len(t, provider.revoked, maxJobs+50, "and revoked all the same")
	})
}

// As many revocations as a process tracks wait for their retry.
func TestRevocationsThatWaitForTheirRetryKeepNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		later := unwell
		later.RetryAfter = 24 * time.Hour
		provider := &provider{answer: failing(later, maxTracked+1)}
		p := start(t, newStore(), provider)
		p.logOut(ids(maxTracked)...)
		outcomes := make(chan Outcome, 1)
		p.RevokeTo(outcomes, p.end("new"))
		assert.Equal(t, Done, <-outcomes)
		p.stop(t.Context())
	})
}

func TestFinishGoesOnUntilItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		provider := &provider{answer: func(int) Answer {
			if well.Load() {
				return Answer{Outcome: Done}
			}
			return Answer{Outcome: Pending, Err: unwell.Err, RetryAfter: time.Hour}
		}}
		p := startVolatile(t, newStore(), provider)
		const n = 100 * maxConcurrent
		p.logOut(ids(n)...)
		well.Store(true)
		provider.slowDown(time.Second)
		began := time.Now()
		p.stop(t.Context())
		provider.revokedOnce(t, n)
		assert.Equal(t, 100*time.Second, time.Since(began))
		assert.Zero(t, p.Unrevoked())
	})
}

// More is under way than can be done within the lease.
func TestFinishWaitsForWhatWaitsAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: time.Second}
		p := startVolatile(t, newStore(), provider)
		p.endAll(100 * maxConcurrent)
		p.stop(t.Context())
		provider.revokedOnce(t, 100*maxConcurrent)
	})
}

// The provider is back just after it has refused.
func TestFinishTriesAgainWhatFailsWhileItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: time.Second, answer: failing(unwell, 2)}
		p := startVolatile(t, newStore(), provider)
		p.endAll(1)
		time.Sleep(time.Second / 2)
		p.stop(t.Context())
		assert.Len(t, provider.called(), 2)
		assert.Zero(t, p.Unrevoked())
	})
}

func TestFinishEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startVolatile(t, newStore(), &provider{takes: time.Hour})
		p.endAll(2)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		p.stop(ctx)
		assert.Equal(t, 3*time.Second, time.Since(began))
		assert.Equal(t, 2, p.Unrevoked())
	})
}

// More waits than there are goroutines, and the process ends.
func TestWhatNoGoroutineHasTakenYetCountsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2 * maxConcurrent
		p := startVolatile(t, newStore(), &provider{takes: time.Hour})
		p.endAll(n)
		time.Sleep(time.Second)
		assert.Equal(t, n, p.Unrevoked())
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		p.stop(ctx)
		assert.Equal(t, n, p.Unrevoked(), "after the end")
	})
}

// All goroutines are busy, and the provider refuses what waits for one. What has waited
// is tried again in its own time, and not when the queue is next searched.
func TestWhatHasWaitedIsRetriedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: time.Second, answer: func(n int) Answer {
			if n > maxConcurrent && n <= 2*maxConcurrent {
				return unwell
			}
			return Answer{Outcome: Done}
		}}
		p := startVolatile(t, newStore(), provider)
		p.Begin()
		time.Sleep(10*time.Minute + pollInterval/2) // between two searches of the queue
		p.endAll(2 * maxConcurrent)
		time.Sleep(2*time.Second + firstRetry + 2*time.Second)
		provider.revokedOnce(t, 2*maxConcurrent)
		assert.Zero(t, p.Unrevoked())
		p.stop(t.Context())
	})
}

// A revocation waits for a goroutine, and is tracked for a lease of its own: another job
// for it has failed. Finish has it revoked once.
func TestFinishLeavesToAJobWhatWaitsForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: time.Second}
		p := startVolatile(t, newStore(), provider)
		p.endAll(maxConcurrent) // which keep the goroutines busy
		r := p.end("waits")
		p.Revoke(r)
		p.track(r, false)
		p.stop(t.Context())
		provider.revokedOnce(t, maxConcurrent+1)
	})
}

func TestAfterTheTasksHaveFinishedRevokeReturnsWhenItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{takes: time.Second}
		p := start(t, newStore(), provider)
		p.stop(t.Context())
		p.Revoke([]storage.Revocation{p.end("a"), p.end("b")}...)
		provider.revokedOnce(t, 2)
	})
}

func TestAGoroutineThatStartsTooLateIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{}
		p := start(t, newStore(), provider)
		p.stop(t.Context())
		for _, id := range []string{"a", "b"} { // both wait before the first is worked off
			r := p.end(id)
			p.addJob(job{revocation: &r})
		}
		p.work(p.c.Tasks.Last())
		p.Revoke(p.end("c"))
		provider.revokedOnce(t, 3)
		assert.Zero(t, p.running)
	})
}
