package redis

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// batch is how many records a script removes, or a command reads, at most, which
// blocks the server's other clients for a few milliseconds.
const batch = 256

// DeleteMatching implements storage.TokenStore. On a single server it is one
// script, in one round trip. On a Cluster it looks for the index in all 32 slots,
// in one round trip to each node, and runs the script where there is one.
//
// Up to 256 records of one slot are removed in one atomic step. If part of a Cluster
// is down, DeleteMatching removes what it can reach, and returns that with the error.
func (s *Store) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	var removed []storage.Record
	err := s.removeMatching(ctx, m, nil, func(id, value string) error {
		r, err := decodeRecord(id, value, []byte(value))
		if err == nil {
			removed = append(removed, r)
		}
		return err
	})
	return removed, err
}

// DeleteMatchingAndEnqueue implements storage.RevocationQueue, as DeleteMatching does. If
// the response is lost, the revocations are in the queue all the same, and can be
// claimed when their lease has ended.
func (s *Store) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	by := s.enqueuer(lease)
	var enqueued []storage.Revocation
	err := s.removeMatching(ctx, m, by, func(id, value string) error {
		d, err := by.revocation(id, value)
		if err == nil {
			enqueued = append(enqueued, d)
		}
		return err
	})
	return enqueued, err
}

func (s *Store) removeMatching(ctx context.Context, m storage.Match, by *enqueuer, removed func(id, value string) error) error {
	if err := check(ctx, m); err != nil {
		return err
	}
	var unproven error
	spaces, failed := s.listing(ctx, m)
	head, due := by.arguments()
	calls := make([]*call, len(spaces))
	for i, in := range spaces {
		calls[i] = &call{in: in, key: in.index(m), args: []any{m.Tenant, string(m.Kind), m.Subject, m.SID, m.Except, batch, head, due}}
	}
	for len(calls) > 0 {
		s.writeAll(ctx, deleteMatchingScript, calls)
		var more []*call
		for _, c := range calls {
			n, err := eachRow(c.cmd, 2, func(row []string) error { return removed(row[0], row[1]) })
			failed, unproven = cmp.Or(failed, err), cmp.Or(unproven, c.unproven)
			if n == batch {
				more = append(more, c)
			}
		}
		calls = more
	}
	if failed != nil {
		return s.failure("delete matching", failed)
	}
	return proven(nil, unproven)
}

// listing returns the spaces that have an index for m, with an error if some could
// not be read. With WaitReplicas it returns all spaces, since the absence of records
// must be confirmed too.
func (s *Store) listing(ctx context.Context, m storage.Match) (spaces []space, failed error) {
	if len(s.spaces) == 1 || s.replicas != nil {
		return s.spaces, nil
	}
	pipe := s.client.Pipeline()
	found := make([]*redis.IntCmd, len(s.spaces))
	for i, in := range s.spaces {
		found[i] = pipe.Exists(ctx, in.index(m))
	}
	_, failed = pipe.Exec(ctx)
	for i, in := range s.spaces {
		if found[i].Val() == 1 {
			spaces = append(spaces, in)
		}
	}
	return spaces, failed
}

// eachRow calls do with each row of a script's answer, and counts them.
func eachRow(cmd *redis.Cmd, width int, do func(row []string) error) (n int, err error) {
	flat, err := cmd.StringSlice()
	if err != nil {
		return 0, err
	}
	for ; len(flat) >= width; flat = flat[width:] {
		err = errors.Join(err, do(flat[:width]))
		n++
	}
	return n, err
}

func check(ctx context.Context, m storage.Match) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Subject == "" && m.SID == "" {
		return storage.ErrEmptyMatch
	}
	return nil
}
