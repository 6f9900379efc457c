package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
)

// probeLease is how long a probe is leased, and longer than an inspection.
const probeLease = time.Minute

// tryQueue takes a probe through the queue: who may use the records need not have the
// rights that a logout needs. What an inspection that failed has left goes too.
func tryQueue(ctx context.Context, queue storage.RevocationQueue) error {
	probe, err := queue.Enqueue(ctx, newProbe(), probeLease)
	if errors.Is(err, storage.ErrFull) { // it works: logouts keep their revocations elsewhere then
		return nil
	}
	if _, err = confirmed(err); err != nil {
		return fmt.Errorf("a revocation cannot be enqueued: %w", err)
	}
	due := time.Now().Add(-probeLease).Truncate(time.Millisecond) // by the store's clock too
	if err := queue.Retry(ctx, probe, due); err != nil {
		return fmt.Errorf("a revocation cannot be retried: %w", err)
	}
	claimed, err := queue.Claim(ctx, probe.Record.Tenant, loads, probeLease)
	if err != nil {
		return fmt.Errorf("revocations cannot be claimed: %w", err)
	}
	for _, r := range claimed {
		err = errors.Join(err, queue.Complete(ctx, r))
	}
	if err != nil {
		return fmt.Errorf("a revocation cannot be completed: %w", err)
	}
	return nil
}
