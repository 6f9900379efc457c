package revocation

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// claimCounter is a store that counts the claims.
type claimCounter struct {
	*memory.Store
	claims atomic.Int32
	down   atomic.Bool
	after  func(n int32) // the nth claim
}

func (s *claimCounter) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	claims := s.claims.Add(1)
	if s.down.Load() {
		return nil, io.ErrUnexpectedEOF
	}
	claimed, err := s.Store.Claim(ctx, tenant, n, lease)
	if s.after != nil {
		s.after(claims)
	}
	return claimed, err
}

// The last statement of a process that was killed may be carried out after the first
// look of the next one.
func TestARevocationThatAppearsJustAfterTheFirstLookIsRevokedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &claimCounter{Store: newStore()}
		shared.after = func(n int32) {
			if n == 1 {
				enqueue(t, shared.Store, "late")
			}
		}
		provider := &provider{}
		p := start(t, shared, provider)
		p.Begin()
		time.Sleep(1100 * time.Millisecond)
		assert.Equal(t, 1, provider.times("late"))
		p.kill()
	})
}

func TestAnotherProcessIsNoticedLaterTheLongerThisOneHasRun(t *testing.T) {
	for appears, within := range map[time.Duration]time.Duration{
		500 * time.Millisecond: 500 * time.Millisecond,
		3 * time.Second:        time.Second,
		9 * time.Second:        7 * time.Second,
		40 * time.Second:       22 * time.Second,
		time.Hour:              pollInterval,
	} {
		synctest.Test(t, func(t *testing.T) {
			shared, provider := newStore(), &provider{}
			p := start(t, shared, provider)
			p.Begin()
			time.Sleep(appears)
			enqueue(t, shared, "late")
			time.Sleep(within + 100*time.Millisecond)
			assert.Equal(t, 1, provider.times("late"), appears)
			p.kill()
		})
	}
}

// enqueue leaves a revocation as a killed process does: its lease has run out.
func enqueue(t *testing.T, s storage.RevocationQueue, id string) {
	_, err := s.Enqueue(t.Context(), record(id), time.Nanosecond)
	require.NoError(t, err)
	time.Sleep(time.Millisecond)
}

func TestAnEmptyQueueIsAskedEachPollInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &claimCounter{Store: newStore()}
		p := start(t, shared, &provider{})
		p.Begin()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.LessOrEqual(t, shared.claims.Load(), int32(8), "at the start")
		shared.claims.Store(0)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.InDelta(t, time.Hour/pollInterval, shared.claims.Load(), 1)
		p.kill()
	})
}

// A tracked revocation is due, and nobody can claim it.
func TestAQueueThatIsDownIsNotAskedAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &claimCounter{Store: newStore()}
		provider := &provider{answer: failing(unwell, 2)}
		p := start(t, shared, provider)
		p.logOut("session")
		shared.down.Store(true)
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, shared.claims.Load(), int32(3+10*time.Minute/firstRetry))
		shared.down.Store(false)
		time.Sleep(firstRetry)
		synctest.Wait()
		assert.Len(t, provider.called(), 2, "soon after it is up again")
		p.stop(t.Context())
	})
}

func TestWhatAnEarlierProcessHasLeftIsRevokedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		first := start(t, shared, &provider{answer: always(unwell)})
		first.logOut("session")
		first.stop(t.Context())
		assert.Zero(t, first.Unrevoked(), "the queue has it")

		provider := &provider{}
		second := start(t, shared, provider)
		second.Begin()
		time.Sleep(2 * time.Minute)
		second.stop(t.Context())
		provider.revokedOnce(t, 1)
	})
}

func TestARunThatIsTooShortForTheLoopRevokesWhatAnEarlierOneHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		enqueue(t, shared, "session")
		provider := &provider{}
		p := start(t, shared, provider)
		p.stop(t.Context())
		provider.revokedOnce(t, 1)
	})
}
