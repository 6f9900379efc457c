package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// Delete implements storage.TokenStore with one script, in one round trip. If the
// response is lost, the client's retry returns storage.ErrNotFound. To remove a
// record with a token to revoke, use DeleteAndEnqueue: the revocation is then in the
// queue all the same.
func (s *Store) Delete(ctx context.Context, id string) (storage.Record, error) {
	value, unproven, err := s.remove(ctx, id, nil)
	if err != nil {
		return storage.Record{}, err
	}
	r, err := decodeRecord(id, value, []byte(value))
	return r, proven(err, unproven)
}

// DeleteAndEnqueue implements storage.RevocationQueue with one script, in one round
// trip. It replaces an existing revocation with the same ID. A record that a newer
// version of this package wrote becomes a revocation for that version, and
// DeleteAndEnqueue returns storage.ErrNotFound.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	by := s.enqueuer(lease)
	value, unproven, err := s.remove(ctx, id, by)
	if err != nil {
		return storage.Revocation{}, err
	}
	r, err := by.revocation(id, value)
	return r, proven(err, unproven)
}

// remove returns the bytes of the record, which the script has checked.
func (s *Store) remove(ctx context.Context, id string, by *enqueuer) (value string, unproven, err error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	in := s.space(id)
	head, due := by.arguments()
	cmd, unproven := s.write(ctx, deleteScript, in, in.record(id), id, head, due)
	value, err = cmd.Text()
	if errors.Is(err, redis.Nil) {
		return "", nil, proven(storage.ErrNotFound, unproven)
	}
	if err != nil {
		return "", nil, s.failure("delete", err)
	}
	return value, unproven, nil
}

// enqueuer turns removed records into revocations. A nil one enqueues nothing.
type enqueuer struct {
	since, until time.Time
}

// enqueuer returns an enqueuer whose revocations are leased from now on.
func (s *Store) enqueuer(lease time.Duration) *enqueuer {
	now := s.now()
	return &enqueuer{since: instant(now), until: instant(now.Add(lease))}
}

// instant rounds a time to the precision of the store.
func instant(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()) }

// arguments returns the last two arguments of the scripts that remove records.
func (d *enqueuer) arguments() (head []byte, due int64) {
	if d == nil {
		return nil, 0
	}
	return newQueueHead(d.since), d.until.UnixMilli()
}

func (d *enqueuer) revocation(id, value string) (storage.Revocation, error) {
	r, err := decodeRecord(id, value, []byte(value))
	return storage.Revocation{Record: r, Since: d.since, Due: d.until}, err
}
