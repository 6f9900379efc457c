package storagetest

import (
	"context"
	"time"

	"github.com/passport-go/passport/storage"
)

func counting(name string, among func(b *broken, tenant string, d storage.Revocation) bool, foundBy ...string) mutant {
	return faulty(name, func(b *broken) {
		b.count = func(_ context.Context, tenant string) (n storage.RevocationCount, _ error) {
			b.sound.mu.Lock()
			defer b.sound.mu.Unlock()
			for _, d := range b.sound.revocations {
				if !among(b, tenant, d) {
					continue
				}
				n.Pending++
				if n.Oldest.IsZero() || d.Since.Before(n.Oldest) {
					n.Oldest = d.Since
				}
			}
			return n, nil
		}
	}, foundBy...)
}

var counterMutants = []mutant{
	counting("counts what is leased alone", func(b *broken, tenant string, d storage.Revocation) bool {
		return d.Record.Tenant == tenant && d.Due.After(b.sound.now())
	}, "CountRevocations counts what is leased, due and retried"),
	counting("counts what was never retried", func(_ *broken, tenant string, d storage.Revocation) bool {
		return d.Record.Tenant == tenant && d.Attempts == 0
	}, "CountRevocations counts what is leased, due and retried", "CountRevocations tells how long the oldest waits"),
	counting("counts every tenant's", func(*broken, string, storage.Revocation) bool { return true }, "CountRevocations counts one tenant's"),

	faulty("takes the first due for the oldest", func(b *broken) {
		b.count = func(ctx context.Context, tenant string) (storage.RevocationCount, error) {
			n, err := b.sound.CountRevocations(ctx, tenant)
			var first time.Time
			for _, d := range b.sound.revocations {
				if d.Record.Tenant == tenant && (first.IsZero() || d.Due.Before(first)) {
					first, n.Oldest = d.Due, d.Since
				}
			}
			return n, err
		}
	}, "CountRevocations tells how long the oldest waits"),
	faulty("counts up to 256", func(b *broken) {
		b.count = func(ctx context.Context, tenant string) (storage.RevocationCount, error) {
			n, err := b.sound.CountRevocations(ctx, tenant)
			n.Pending = min(n.Pending, rounds(256))
			return n, err
		}
	}, "CountRevocations counts many, and changes nothing"),
}
