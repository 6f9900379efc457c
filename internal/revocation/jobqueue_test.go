package revocation

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

func TestJobsComeOutInTheOrderInWhichTheyCame(t *testing.T) {
	var q jobQueue
	var want []*storage.Revocation
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		if random.IntN(100) < 51 {
			r := &storage.Revocation{}
			q.push(job{revocation: r})
			want = append(want, r)
		} else if len(want) > 0 {
			require.Same(t, want[0], q.pop().revocation)
			want = want[1:]
		}
		require.Equal(t, len(want), q.len())
	}
	require.Len(t, q.waiting(), len(want))
	require.NotEmpty(t, want)
	for i, r := range want {
		require.Same(t, r, q.waiting()[i].revocation)
	}
}

// A queue that is never empty moves on through its memory, and must not grow with all
// that has ever been in it.
func TestTheMemoryOfJobsFollowsHowManyWait(t *testing.T) {
	var q jobQueue
	for range 10 {
		q.push(job{revocation: &storage.Revocation{}})
	}
	for range 100_000 {
		q.push(job{revocation: &storage.Revocation{}})
		q.pop()
	}
	assert.LessOrEqual(t, cap(q.jobs), 64)
	assert.Equal(t, 10, kept(&q), "jobs that are done")
}

// kept counts the jobs that the memory of a queue has.
func kept(q *jobQueue) (n int) {
	for _, j := range q.jobs[:cap(q.jobs)] {
		if j.revocation != nil {
			n++
		}
	}
	return n
}

func TestTheMemoryOfABurstOfJobsIsGivenBack(t *testing.T) {
	var q jobQueue
	for range 10 * mostIdleJobs {
		q.push(job{revocation: &storage.Revocation{}})
	}
	for left := q.len(); left > 0; left-- {
		if left%mostIdleJobs == 0 {
			require.Equal(t, left, kept(&q), "those that are done are not kept")
		}
		q.pop()
	}
	assert.LessOrEqual(t, cap(q.jobs), mostIdleJobs)
}
