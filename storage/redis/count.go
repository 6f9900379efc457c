package redis

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// mostCounted bounds of how many revocations, of all spaces together, the age is looked
// at.
const mostCounted = 10_000

// CountRevocations implements storage.RevocationCounter. It asks each space for its
// length and for those that are due first, in one round trip to each node, and then for
// the ages of these, a few bytes each. They are ten thousand at most; on a Cluster, an
// equal share of each space.
func (s *Store) CountRevocations(ctx context.Context, tenant string) (storage.RevocationCount, error) {
	var n storage.RevocationCount
	lengths := make([]*redis.IntCmd, len(s.spaces))
	queues := make([]*redis.StringSliceCmd, len(s.spaces))
	share := int64(mostCounted / len(s.spaces))
	pipe := s.client.Pipeline()
	for i, in := range s.spaces {
		lengths[i] = pipe.ZCard(ctx, in.due(tenant))
		queues[i] = pipe.ZRange(ctx, in.due(tenant), 0, share-1)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return storage.RevocationCount{}, s.failure("count", err)
	}
	var keys []string
	for i, in := range s.spaces {
		n.Pending += int(lengths[i].Val())
		for _, id := range queues[i].Val() {
			keys = append(keys, in.revocation(id))
		}
	}
	for some := range slices.Chunk(keys, batch) {
		oldest, err := s.oldestOf(ctx, some)
		if err != nil {
			return storage.RevocationCount{}, s.failure("count", err)
		}
		if n.Oldest.IsZero() || !oldest.IsZero() && oldest.Before(n.Oldest) {
			n.Oldest = oldest
		}
	}
	return n, nil
}

// oldestOf reads the beginning of revocations. The zero Time: all have gone meanwhile.
func (s *Store) oldestOf(ctx context.Context, keys []string) (oldest time.Time, err error) {
	pipe := s.client.Pipeline()
	ages := make([]*redis.StringCmd, len(keys))
	for i, key := range keys {
		ages[i] = pipe.GetRange(ctx, key, 0, queueHead-1)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return time.Time{}, err
	}
	for _, age := range ages {
		head := []byte(age.Val())
		if len(head) < queueHead {
			continue
		}
		since := time.UnixMilli(int64(binary.BigEndian.Uint64(head)))
		if oldest.IsZero() || since.Before(oldest) {
			oldest = since
		}
	}
	return oldest, nil
}
