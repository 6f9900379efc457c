package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// Load implements storage.TokenStore with one GET. For a record that is damaged, or
// that a newer version of this package wrote, the error wraps storage.ErrNotFound and
// gives the reason: only that session ends.
func (s *Store) Load(ctx context.Context, id string) (storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	cmd := s.client.Get(ctx, s.space(id).record(id))
	value, err := cmd.Bytes()
	if errors.Is(err, redis.Nil) {
		return storage.Record{}, storage.ErrNotFound
	}
	if err != nil {
		return storage.Record{}, s.failure("load", err)
	}
	r, err := decodeRecord(id, cmd.Val(), value)
	if err != nil {
		return storage.Record{}, fmt.Errorf("%w: the record is %w", storage.ErrNotFound, err)
	}
	if s.expired(r) {
		return storage.Record{}, storage.ErrNotFound
	}
	return r, nil
}

func (s *Store) expired(r storage.Record) bool {
	return s.now().UnixMilli() >= r.Expiry.UnixMilli()
}
