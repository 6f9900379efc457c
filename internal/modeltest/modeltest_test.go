package modeltest

import (
	"context"
	"flag"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

var (
	schedules = flag.Uint64("schedules", 500, "how many schedules to play")
	soak      = flag.Uint64("soak", 1, "how many times as many")
	first     = flag.Uint64("seed", 1, "the seed of the first one")
)

func schedule(seed uint64) Schedule {
	return Schedule{Seed: seed, Instances: 1 + int(seed%4), Calls: 4 + int(seed%9), Spread: 100 * time.Millisecond}
}

func TestNoScheduleBreaksAPromise(t *testing.T) {
	t.Parallel()
	for seed := *first; seed < *first+*schedules**soak; seed++ {
		synctest.Test(t, func(t *testing.T) {
			require.NoError(t, Play(t, schedule(seed), memory.New(memory.Options{})))
		})
	}
}

func TestNoScheduleBreaksAPromiseWhateverFails(t *testing.T) {
	t.Parallel()
	for seed := *first; seed < *first+*schedules**soak; seed++ {
		synctest.Test(t, func(t *testing.T) {
			troubled := schedule(seed)
			troubled.Faults = 5 + int(seed%30)
			require.NoError(t, Play(t, troubled, memory.New(memory.Options{})))
		})
	}
}

func TestAStoreThatBringsSessionsBackIsCaught(t *testing.T) {
	t.Parallel()
	caught := 0
	for seed := uint64(1); seed <= 100; seed++ {
		synctest.Test(t, func(t *testing.T) {
			if Play(t, schedule(seed), reviving{memory.New(memory.Options{})}) != nil {
				caught++
			}
		})
	}
	require.Greater(t, caught, 10, "of 100 schedules")
}

// reviving is a store whose writes are not conditional.
type reviving struct{ *memory.Store }

func (r reviving) Save(ctx context.Context, rec storage.Record) (storage.Record, error) {
	saved, err := r.Store.Save(ctx, rec)
	if err != nil && rec.Revision > 0 {
		if there, loadErr := r.Store.Load(ctx, rec.ID); loadErr == nil {
			rec.Revision = there.Revision
		} else {
			rec.Revision = 0
		}
		return r.Store.Save(ctx, rec)
	}
	return saved, err
}
