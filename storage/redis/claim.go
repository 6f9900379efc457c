package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// Claim implements storage.RevocationQueue. One round trip (on a Cluster, one to each
// node) finds what is due, and a script in a second one claims the oldest. If part
// of a Cluster is down, Claim claims what it can reach, and returns that with the
// error.
//
// A revocation that nobody has claimed for 90 days is removed. One that a newer
// version of this package wrote is left for that version.
func (s *Store) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	if err := ctx.Err(); err != nil || n <= 0 {
		return nil, err
	}
	for {
		due, unseen := s.oldestDue(ctx, tenant, n)
		claimed, unclaimed := s.claimAmong(ctx, tenant, due, lease)
		if err := cmp.Or(unseen, unclaimed); err != nil {
			return inOrder(claimed), s.failure("claim", err)
		}
		// Others may have claimed all of it first; then there may be more.
		if len(claimed) > 0 || len(due) == 0 {
			return inOrder(claimed), nil
		}
	}
}

// dueTime is when a revocation of a space is due.
type dueTime struct {
	in  space
	due float64
}

// oldestDue returns at most n, with an error if some spaces could not be read.
func (s *Store) oldestDue(ctx context.Context, tenant string, n int) ([]dueTime, error) {
	pipe := s.client.Pipeline()
	queues := make([]*redis.ZSliceCmd, len(s.spaces))
	for i, in := range s.spaces {
		queues[i] = pipe.ZRangeByScoreWithScores(ctx, in.due(tenant), &redis.ZRangeBy{
			Min:   "-inf",
			Max:   strconv.FormatInt(s.now().UnixMilli(), 10),
			Count: int64(n),
		})
	}
	_, failed := pipe.Exec(ctx)
	var due []dueTime
	for i, in := range s.spaces {
		for _, revocation := range queues[i].Val() {
			due = append(due, dueTime{in, revocation.Score})
		}
	}
	slices.SortFunc(due, func(a, b dueTime) int { return cmp.Compare(a.due, b.due) })
	return due[:min(n, len(due))], failed
}

// claimedRevocation is a revocation, and when it was due before it was claimed.
type claimedRevocation struct {
	storage.Revocation
	former float64
}

func inOrder(claimed []claimedRevocation) []storage.Revocation {
	slices.SortStableFunc(claimed, func(a, b claimedRevocation) int { return cmp.Compare(a.former, b.former) })
	revocations := make([]storage.Revocation, len(claimed))
	for i, c := range claimed {
		revocations[i] = c.Revocation
	}
	return revocations
}

// claimAmong claims as many revocations of each space as were seen there.
func (s *Store) claimAmong(ctx context.Context, tenant string, due []dueTime, lease time.Duration) (claimed []claimedRevocation, failed error) {
	seen := make(map[space]int)
	for _, d := range due {
		seen[d.in]++
	}
	until := instant(s.now().Add(lease))
	var calls []*call
	for in, n := range seen {
		calls = append(calls, &call{in: in, key: in.due(tenant), args: []any{n, until.UnixMilli()}})
	}
	s.runAll(ctx, claimScript, calls)
	for _, c := range calls {
		_, err := eachRow(c.cmd, 3, func(row []string) error {
			d, err := decodeRevocation(row[0], row[2])
			if err != nil {
				return err
			}
			d.Due = until
			former, err := strconv.ParseFloat(row[1], 64)
			claimed = append(claimed, claimedRevocation{d, former})
			return err
		})
		failed = cmp.Or(failed, err)
	}
	return claimed, failed
}
