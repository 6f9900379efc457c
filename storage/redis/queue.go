package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// Enqueue implements storage.RevocationQueue with one script. It also works on a server
// that has reached its maxmemory: revocations are few, and must not be lost.
func (s *Store) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := ctx.Err(); err != nil {
		return storage.Revocation{}, err
	}
	if err := checkScope(r); err != nil {
		return storage.Revocation{}, err
	}
	by := s.enqueuer(lease)
	head, due := by.arguments()
	in := s.space(r.ID)
	value := appendRecord(head, r)
	cmd, unproven := s.write(ctx, enqueueScript, in, in.revocation(r.ID), r.ID, r.Tenant, value, due)
	if err := outcome(cmd); err != nil {
		return storage.Revocation{}, proven(s.failure("enqueue", err), unproven)
	}
	r.Data = value[len(value)-len(r.Data):] // the caller may change its own
	return storage.Revocation{Record: r, Since: by.since, Due: by.until}, proven(nil, unproven)
}

// Retry implements storage.RevocationQueue with one script. If the response is lost,
// the client's retry returns storage.ErrConflict although the first try succeeded.
func (s *Store) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return s.resolve(ctx, retryScript, "retry", d, due.UnixMilli())
}

// Complete implements storage.RevocationQueue with one script. If the response is
// lost, the client's retry returns storage.ErrNotFound.
func (s *Store) Complete(ctx context.Context, d storage.Revocation) error {
	return s.resolve(ctx, completeScript, "complete", d)
}

func (s *Store) resolve(ctx context.Context, script *redis.Script, doing string, d storage.Revocation, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	id := d.Record.ID
	in := s.space(id)
	args = append([]any{id, d.Record.Tenant, d.Due.UnixMilli()}, args...)
	if err := outcome(s.run(ctx, script, in, in.revocation(id), args...)); err != nil {
		return s.failure(doing, err)
	}
	return nil
}
