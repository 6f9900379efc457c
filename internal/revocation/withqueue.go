package revocation

import (
	"context"
	"errors"
	"time"

	"github.com/passport-go/passport/storage"
)

// WithQueue combines a store that has no queue with one beside it. Removing and
// enqueuing are not one atomic step: a crash between them loses the revocation.
func WithQueue(store storage.TokenStore, queue storage.RevocationQueue) storage.RevocationQueue {
	return &withQueue{RevocationQueue: queue, store: store}
}

type withQueue struct {
	storage.RevocationQueue
	store storage.TokenStore
}

func (q *withQueue) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	r, unsafe := q.store.Delete(ctx, id)
	if r.ID == "" {
		return storage.Revocation{}, unsafe
	}
	enqueued, err := q.Enqueue(context.WithoutCancel(ctx), r, lease)
	return enqueued, errors.Join(err, unsafe)
}

func (q *withQueue) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	records, err := q.store.DeleteMatching(ctx, m)
	var revocations []storage.Revocation
	for _, record := range records {
		r, enqueueErr := q.Enqueue(context.WithoutCancel(ctx), record, lease)
		if enqueueErr != nil {
			err = errors.Join(err, enqueueErr)
			continue
		}
		revocations = append(revocations, r)
	}
	return revocations, err
}
