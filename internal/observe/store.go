package observe

import (
	"context"
	"time"

	"github.com/passport-go/passport/storage"
)

// Each interface of a store is measured by itself, for the caller that uses it, so
// that none of them is hidden by a wrapper.

// Store returns s, measured.
func (m *Meter) Store(s storage.TokenStore) storage.TokenStore { return &store{s, m} }

// Queue returns q, measured.
func (m *Meter) Queue(q storage.RevocationQueue) storage.RevocationQueue { return &queue{q, m} }

// Lister returns l, measured.
func (m *Meter) Lister(l storage.Lister) storage.Lister { return &lister{l, m} }

type store struct {
	of storage.TokenStore
	m  *Meter
}

func (s *store) Load(ctx context.Context, id string) (storage.Record, error) {
	return measure(ctx, s.m, load, func(ctx context.Context) (storage.Record, error) { return s.of.Load(ctx, id) })
}

func (s *store) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	return measure(ctx, s.m, save, func(ctx context.Context) (storage.Record, error) { return s.of.Save(ctx, r) })
}

func (s *store) Delete(ctx context.Context, id string) (storage.Record, error) {
	return measure(ctx, s.m, remove, func(ctx context.Context) (storage.Record, error) { return s.of.Delete(ctx, id) })
}

func (s *store) DeleteMatching(ctx context.Context, match storage.Match) ([]storage.Record, error) {
	return measure(ctx, s.m, removeMatching, func(ctx context.Context) ([]storage.Record, error) { return s.of.DeleteMatching(ctx, match) })
}

type lister struct {
	of storage.Lister
	m  *Meter
}

func (l *lister) List(ctx context.Context, match storage.Match) ([]storage.Record, error) {
	return measure(ctx, l.m, list, func(ctx context.Context) ([]storage.Record, error) { return l.of.List(ctx, match) })
}

type queue struct {
	of storage.RevocationQueue
	m  *Meter
}

func (q *queue) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	return measure(ctx, q.m, removeAndEnqueue, func(ctx context.Context) (storage.Revocation, error) {
		return q.of.DeleteAndEnqueue(ctx, id, lease)
	})
}

func (q *queue) DeleteMatchingAndEnqueue(ctx context.Context, match storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	return measure(ctx, q.m, removeMatchingAndEnqueue, func(ctx context.Context) ([]storage.Revocation, error) {
		return q.of.DeleteMatchingAndEnqueue(ctx, match, lease)
	})
}

func (q *queue) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	return measure(ctx, q.m, enqueue, func(ctx context.Context) (storage.Revocation, error) { return q.of.Enqueue(ctx, r, lease) })
}

func (q *queue) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	return measure(ctx, q.m, claim, func(ctx context.Context) ([]storage.Revocation, error) { return q.of.Claim(ctx, tenant, n, lease) })
}

func (q *queue) Retry(ctx context.Context, r storage.Revocation, due time.Time) error {
	_, err := measure(ctx, q.m, retry, func(ctx context.Context) (struct{}, error) { return struct{}{}, q.of.Retry(ctx, r, due) })
	return err
}

func (q *queue) Complete(ctx context.Context, r storage.Revocation) error {
	_, err := measure(ctx, q.m, complete, func(ctx context.Context) (struct{}, error) { return struct{}{}, q.of.Complete(ctx, r) })
	return err
}

// Count counts the revocations of a tenant, measured.
func (m *Meter) Count(ctx context.Context, c storage.RevocationCounter, tenant string) (storage.RevocationCount, error) {
	return measure(ctx, m, count, func(ctx context.Context) (storage.RevocationCount, error) { return c.CountRevocations(ctx, tenant) })
}
