package revocation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFailedRevocationIsTriedAgainWithBackOffUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{answer: failing(unwell, 8)}
		p := start(t, newStore(), provider)
		p.logOut("session")
		time.Sleep(time.Hour)
		calls := provider.called()
		if assert.Len(t, calls, 8) {
			for i := range 7 {
				wait, full := calls[i+1].Sub(calls[i]), firstRetry<<i
				assert.LessOrEqual(t, wait, full+20*time.Millisecond, "pause %d", i)
				assert.GreaterOrEqual(t, wait, full/2, "pause %d", i)
			}
		}
		assert.Len(t, p.reported(Pending), 7)
		assert.Len(t, p.reported(Done), 1)
		time.Sleep(24 * time.Hour)
		assert.Len(t, provider.called(), 8, "and then no more")
		p.stop(t.Context())
	})
}

func TestTheBackOffIsAnHourAtMost(t *testing.T) {
	for _, attempts := range []int{10, 15, 16, 64, 1 << 40} {
		wait := backOff(attempts)
		assert.LessOrEqual(t, wait, maxRetry, attempts)
		assert.Greater(t, wait, maxRetry/2, attempts)
	}
}

func TestRetryAfterIsHonouredForUpToADay(t *testing.T) {
	for asked, waited := range map[time.Duration]time.Duration{
		10 * time.Minute:     10 * time.Minute,
		365 * 24 * time.Hour: 24 * time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			answer := unwell
			answer.RetryAfter = asked
			provider := &provider{answer: failing(answer, 2)}
			p := start(t, newStore(), provider)
			p.logOut("session")
			time.Sleep(waited - time.Second)
			assert.Len(t, provider.called(), 1)
			time.Sleep(2 * time.Second)
			assert.Len(t, provider.called(), 2)
			p.stop(t.Context())
		})
	}
}

func TestARefusedRevocationIsGivenUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{answer: always(Answer{Outcome: Failed, Err: unwell.Err})}
		p := start(t, newStore(), provider)
		p.logOut("session")
		time.Sleep(2 * time.Hour)
		p.stop(t.Context())
		assert.Len(t, provider.called(), 1)
		if failed := p.reported(Failed); assert.Len(t, failed, 1) {
			assert.Equal(t, unwell.Err, failed[0].Err)
			assert.Equal(t, "session", failed[0].Record.ID)
		}
	})
}

func TestARevocationIsGivenUpWithAge(t *testing.T) {
	unreadable := unwell
	unreadable.Unreadable = true
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{answerTo: map[string]Answer{"session": unwell, "unreadable session": unreadable}}
		p := start(t, newStore(), provider)
		p.Begin()
		p.logOut("session", "unreadable session")
		time.Sleep(MaxAge - 2*maxRetry)
		assert.Empty(t, p.reported(Failed))
		time.Sleep(4 * maxRetry)
		var failed []string
		for _, e := range p.reported(Failed) {
			failed = append(failed, e.Record.ID)
		}
		assert.ElementsMatch(t, []string{"session", "unreadable session"}, failed)
		calls := len(provider.called())
		time.Sleep(10 * maxRetry)
		assert.Len(t, provider.called(), calls)
		p.stop(t.Context())
	})
}

func TestNothingIsReportedOfATokenThatNobodyCanRevoke(t *testing.T) {
	for _, outcome := range []Outcome{Skipped, Unsupported} {
		synctest.Test(t, func(t *testing.T) {
			provider := &provider{answer: always(Answer{Outcome: outcome})}
			p := start(t, newStore(), provider)
			outcomes := make(chan Outcome, 1)
			p.RevokeTo(outcomes, p.end("session"))
			assert.Equal(t, outcome, <-outcomes)
			time.Sleep(time.Hour)
			p.stop(t.Context())
			assert.Empty(t, p.events)
			assert.Len(t, provider.called(), 1)
		})
	}
}

func TestAnUnreadableRevocationIsLeftToAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		provider := &provider{answer: always(Answer{Outcome: Pending, Err: unwell.Err, Unreadable: true})}
		p := start(t, shared, provider)
		p.logOut("session")
		p.Begin()
		time.Sleep(2 * time.Hour)
		assert.Len(t, p.reported(Pending), 1, "once")
		calls := len(provider.called())
		p.stop(t.Context())
		assert.Len(t, provider.called(), calls, "its lease has not run out")

		time.Sleep(Lease)
		claimed, err := shared.Claim(t.Context(), "", 1, Lease)
		assert.NoError(t, err)
		if assert.Len(t, claimed, 1) {
			assert.Zero(t, claimed[0].Attempts)
		}
	})
}

func TestRetryAfterIsHonouredForWhatIsNotSafelyQueuedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := unwell
		busy.RetryAfter = time.Hour
		provider := &provider{answer: failing(busy, 1000)}
		s := unsafeStore{newStore()}
		p := start(t, s, provider)
		_, err := s.Save(t.Context(), record("a"))
		require.NoError(t, err)
		r, _ := p.Delete(t.Context(), "a")
		p.RevokeOne(r)
		time.Sleep(50 * time.Minute)
		assert.Len(t, provider.called(), 1)
		p.kill()
	})
}
