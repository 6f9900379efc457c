package storagetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/passport-go/passport/storage"
)

// tenantMutants mix up tenants and kinds.
var tenantMutants = []mutant{
	selecting("selects in every tenant", func(b *broken, m storage.Match, r storage.Record) bool {
		m.Tenant = r.Tenant
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching stays within its tenant", "List stays within its tenant and kind",
		"DeleteMatchingAndEnqueue stays within its tenant and kind", "random calls are answered as the contract says"),

	selecting("selects by sid in every tenant", func(b *broken, m storage.Match, r storage.Record) bool {
		if m.Subject == "" {
			m.Tenant = r.Tenant
		}
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching stays within its tenant", "List stays within its tenant and kind",
		"DeleteMatchingAndEnqueue stays within its tenant and kind"),

	selecting("selects every kind", func(b *broken, m storage.Match, r storage.Record) bool {
		m.Kind = r.Kind
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching stays within its kind", "List stays within its tenant and kind",
		"DeleteMatchingAndEnqueue stays within its tenant and kind"),

	selecting("selects tenants by prefix", func(b *broken, m storage.Match, r storage.Record) bool {
		if strings.HasPrefix(r.Tenant, m.Tenant) {
			m.Tenant = r.Tenant
		}
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching stays within its tenant"),

	selecting("takes no tenant for every tenant", func(b *broken, m storage.Match, r storage.Record) bool {
		if m.Tenant == "" {
			m.Tenant = r.Tenant
		}
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching stays within its tenant"),

	selecting("takes no kind for every kind", func(b *broken, m storage.Match, r storage.Record) bool {
		if m.Kind == "" {
			m.Kind = r.Kind
		}
		return b.isLive(r) && selects(m, r)
	}, "List stays within its tenant and kind"),

	selecting("ignores spaces at the end of a tenant", func(b *broken, m storage.Match, r storage.Record) bool {
		if strings.TrimRight(m.Tenant, " ") == strings.TrimRight(r.Tenant, " ") {
			m.Tenant = r.Tenant
		}
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching stays within its tenant"),

	selecting("ignores the case of a kind", func(b *broken, m storage.Match, r storage.Record) bool {
		if strings.EqualFold(string(m.Kind), string(r.Kind)) {
			m.Kind = r.Kind
		}
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching stays within its kind"),

	faulty("keeps 32 bytes of a kind", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			kind := r.Kind
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(r *storage.Record) { r.Kind = kind[:min(len(kind), 32)] })
		}
	}, "DeleteMatching stays within its kind"),

	selecting("joins tenant, kind and subject", func(b *broken, m storage.Match, r storage.Record) bool {
		if m.Tenant+string(m.Kind)+m.Subject == r.Tenant+string(r.Kind)+r.Subject {
			m.Tenant, m.Kind, m.Subject = r.Tenant, r.Kind, r.Subject
		}
		return b.isLive(r) && selects(m, r)
	}, "tenant, kind and name are not joined"),

	faulty("moves a record to another tenant", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			if err := storage.CheckScope(&r); err != nil {
				return storage.Record{}, err
			}
			moved := r
			if old, err := b.sound.Load(ctx, r.ID); err == nil {
				r.Tenant, r.Kind = old.Tenant, old.Kind
			}
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(r *storage.Record) { r.Tenant, r.Kind = moved.Tenant, moved.Kind })
		}
	}, "Tenant and Kind do not change"),

	faulty("cuts long tenants and kinds", func(b *broken) {
		cut := func(r *storage.Record) {
			r.Tenant = strings.ToValidUTF8(strings.ReplaceAll(r.Tenant[:min(len(r.Tenant), storage.MaxTenant)], "\x00", ""), "")
			kind := string(r.Kind)
			r.Kind = storage.Kind(strings.ToValidUTF8(strings.ReplaceAll(kind[:min(len(kind), storage.MaxKind)], "\x00", ""), ""))
		}
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			cut(&r)
			return b.sound.Save(ctx, r)
		}
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			cut(&r)
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "a Tenant or Kind that is out of bounds is refused", "Enqueue refuses a Tenant or Kind that is out of bounds"),

	faulty("claims for every tenant", func(b *broken) {
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) (claimed []storage.Revocation, err error) {
			for _, of := range append([]string{tenant, "t"}, tenantNames...) {
				some, err := b.sound.Claim(ctx, of, n-len(claimed), lease)
				if err != nil {
					return nil, err
				}
				claimed = append(claimed, some...)
			}
			return claimed, nil
		}
	}, "Claim is for one tenant", "Retry and Complete stay within their tenant"),

	faulty("lets another tenant complete", func(b *broken) {
		b.complete = func(ctx context.Context, d storage.Revocation) error {
			d.Record.Tenant = b.sound.revocations[d.Record.ID].Record.Tenant
			return b.sound.Complete(ctx, d)
		}
	}, "Retry and Complete stay within their tenant"),

	faulty("lets another tenant retry", func(b *broken) {
		b.retry = func(ctx context.Context, d storage.Revocation, due time.Time) error {
			d.Record.Tenant = b.sound.revocations[d.Record.ID].Record.Tenant
			return b.sound.Retry(ctx, d, due)
		}
	}, "Retry and Complete stay within their tenant"),

	faulty("lets another tenant take its ID", func(b *broken) {
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			d, err := b.sound.Enqueue(ctx, r, lease)
			if old := b.sound.revocations[r.ID]; errors.Is(err, storage.ErrConflict) && old.Record.Tenant != r.Tenant {
				delete(b.sound.revocations, r.ID)
				return b.sound.Enqueue(ctx, r, lease)
			}
			return d, err
		}
	}, "Retry and Complete stay within their tenant"),
}
