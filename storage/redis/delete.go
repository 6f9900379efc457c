package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// Delete implements storage.TokenStore with one script, in one round trip. If
// the answer is lost on the way, the client's next try reports
// storage.ErrNotFound: what has a token to revoke is removed with DeleteAndEnqueue,
// whose revocation is then still in the queue.
func (s *Store) Delete(ctx context.Context, id string) (storage.Record, error) {
	value, unproven, err := s.remove(ctx, id, nil)
	if err != nil {
		return storage.Record{}, err
	}
	r, err := decodeRecord(id, value, []byte(value))
	return r, proven(err, unproven)
}

// DeleteAndEnqueue implements storage.RevocationQueue with one script, in one round trip. A
// revocation that is there under the same ID already is replaced. Of a record that a
// newer version of this package wrote it makes a revocation for that version, and
// returns storage.ErrNotFound.
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
		return "", nil, failure("delete", err)
	}
	return value, unproven, nil
}

// enqueuer turns removed records into revocations. A nil one enqueues nothing.
type enqueuer struct {
	since, until time.Time
}

// enqueuer returns one whose revocations are leased for that long from now.
func (s *Store) enqueuer(lease time.Duration) *enqueuer {
	now := s.now()
	return &enqueuer{since: instant(now), until: instant(now.Add(lease))}
}

// instant is what is kept of a time.
func instant(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()) }

// arguments are the last two of the scripts that remove records.
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
