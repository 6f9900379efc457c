package redis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// Claim implements storage.Ledger. It asks for what is due in one round trip, on
// a Cluster the 32 slots, one trip to each node, and has a script claim the
// oldest in a second one.
//
// A debt that nobody has claimed for 90 days is forgotten.
func (s *Store) Claim(ctx context.Context, n int, hold time.Duration) ([]storage.Debt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// What has been claimed must not be due in the next turn.
	hold = max(hold, time.Millisecond)
	var claimed []claimedDebt
	for {
		wanted := n - len(claimed)
		due, err := s.countDue(ctx, wanted)
		if err != nil {
			return inOrder(claimed), fmt.Errorf("storage/redis: claim: %w", err)
		}
		got, err := s.claimDue(ctx, due, hold)
		claimed = append(claimed, got...)
		if err != nil {
			return inOrder(claimed), fmt.Errorf("storage/redis: claim: %w", err)
		}
		// Another caller may have been faster; then there may be more.
		if due.total < wanted || len(claimed) >= n {
			return inOrder(claimed), nil
		}
	}
}

// dueCount is how many of the oldest debts are in which space.
type dueCount struct {
	total int
	in    map[space]int
}

// countDue looks at the n oldest debts that are due.
func (s *Store) countDue(ctx context.Context, n int) (dueCount, error) {
	if n <= 0 {
		return dueCount{}, nil
	}
	heads := make([]*redis.ZSliceCmd, len(s.spaces))
	pipe := s.client.Pipeline()
	for i, in := range s.spaces {
		heads[i] = pipe.ZRangeByScoreWithScores(ctx, in.due(), &redis.ZRangeBy{
			Min:   "-inf",
			Max:   strconv.FormatInt(s.now().UnixMilli(), 10),
			Count: int64(n),
		})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return dueCount{}, err
	}
	type dueAt struct {
		in  space
		due float64
	}
	var all []dueAt
	for i, in := range s.spaces {
		for _, debt := range heads[i].Val() {
			all = append(all, dueAt{in, debt.Score})
		}
	}
	slices.SortFunc(all, func(a, b dueAt) int { return cmp.Compare(a.due, b.due) })
	all = all[:min(n, len(all))]
	count := dueCount{total: len(all), in: make(map[space]int)}
	for _, d := range all {
		count.in[d.in]++
	}
	return count, nil
}

// claimedDebt is a debt and the due by which it was claimed.
type claimedDebt struct {
	storage.Debt
	former float64
}

func inOrder(claimed []claimedDebt) []storage.Debt {
	slices.SortStableFunc(claimed, func(a, b claimedDebt) int { return cmp.Compare(a.former, b.former) })
	debts := make([]storage.Debt, len(claimed))
	for i, c := range claimed {
		debts[i] = c.Debt
	}
	return debts
}

func (s *Store) claimDue(ctx context.Context, due dueCount, hold time.Duration) ([]claimedDebt, error) {
	until := instant(s.now().Add(hold))
	var calls []*call
	for in, n := range due.in {
		calls = append(calls, &call{in: in, key: in.due(), args: []any{n, until.UnixMilli()}})
	}
	s.runAll(ctx, claimScript, calls)

	var claimed []claimedDebt
	var failed error
	for _, c := range calls {
		_, err := eachRow(c.cmd, 3, func(row []string) error {
			d, err := decodeDebt(row[0], row[2])
			if err != nil {
				return err
			}
			d.Due = until
			former, err := strconv.ParseFloat(row[1], 64)
			claimed = append(claimed, claimedDebt{d, former})
			return err
		})
		failed = cmp.Or(failed, err)
	}
	return claimed, failed
}
