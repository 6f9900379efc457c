package browser

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
)

// untilCancelled is a job that says why it was cancelled.
func untilCancelled(begun *int) popupJob[string] {
	return popupJob[string]{
		begin: func() { *begun++ },
		stale: func() bool { return false },
		work: func(ctx context.Context, _ *popup) (string, error) {
			<-ctx.Done()
			return "partial", context.Cause(ctx)
		},
	}
}

type popupResult struct {
	value string
	err   error
}

func TestPopupCallsGoOnUntilNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Passport{life: t.Context()}
		var calls popupCalls[string]
		begun := 0
		var cancels []context.CancelFunc
		var results []chan popupResult
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan popupResult, 1)
			go func() {
				value, err := calls.do(ctx, p, window, untilCancelled(&begun))
				result <- popupResult{value, err}
			}()
			cancels, results = append(cancels, cancel), append(results, result)
		}
		synctest.Wait()
		assert.Equal(t, 1, begun)
		cancels[0]()
		assert.Equal(t, popupResult{"", context.Canceled}, <-results[0])
		synctest.Wait()
		assert.Empty(t, results[1], "the other call still waits")
		cancels[1]()
		assert.Equal(t, popupResult{"partial", context.Canceled}, <-results[1])

		p.work.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = calls.do(ctx, p, window, untilCancelled(&begun))
		assert.Equal(t, 2, begun, "a call after that begins anew")
	})
}

func TestPopupCallsEndWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancelCause(t.Context())
		p := &Passport{life: life}
		var calls popupCalls[string]
		begun := 0
		go func() {
			synctest.Wait()
			end(passport.ErrClosed)
		}()
		_, err := calls.do(t.Context(), p, window, untilCancelled(&begun))
		assert.Equal(t, passport.ErrClosed, err)
		p.work.Wait()
	})
}
