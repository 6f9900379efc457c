package storagetest

import (
	"fmt"
	"strings"

	"github.com/passport-go/passport/storage"
)

var tenantChecks = []check{
	{"DeleteMatching stays within its tenant", matchTenant},
	{"DeleteMatching stays within its kind", matchKind},
	{"tenant, kind and name are not joined", scopesApart},
	{"Tenant and Kind do not change", scopeIsFixed},
	{"a Tenant or Kind that is out of bounds is refused", badScopes},
}

var tenantListerChecks = []check{
	{"List stays within its tenant and kind", listScope},
}

var tenantQueueChecks = []check{
	{"DeleteMatchingAndEnqueue stays within its tenant and kind", enqueueScope},
	{"Claim is for one tenant", claimTenant},
	{"Retry and Complete stay within their tenant", resolveTenant},
	{"Enqueue refuses a Tenant or Kind that is out of bounds", badEnqueueScopes},
}

// tenantNames are names that a careless store confuses with each other, or with the
// empty name.
var tenantNames = []string{
	"", "a", "ab", "b", "A", "a:", ":a", "a:b", "a/b", "a b", " a", "a ", "a\t", "a{b}", "{a}", "a\x1f", "1:a", "0:", "é", "*", "%", "_",
	strings.Repeat("t", storage.MaxTenant), strings.Repeat("t", storage.MaxTenant-1),
}

// of creates a record of a tenant and kind with alice's subject and sid.
func (f *fixture) of(tenant string, kind storage.Kind) storage.Record {
	f.Helper()
	r := f.record(fmt.Sprintf("alice's of %q, %q", tenant, kind))
	r.Tenant, r.Kind, r.Subject, r.SID = tenant, kind, "alice", "s1"
	return f.save(r)
}

func matchTenant(f *fixture) {
	stored := map[string]storage.Record{}
	for _, tenant := range tenantNames {
		stored[tenant] = f.of(tenant, storage.KindSession)
	}
	f.removeMatching(storage.Match{Tenant: "unknown", Kind: storage.KindSession, Subject: "alice"})
	for i, tenant := range tenantNames {
		m := storage.Match{Tenant: tenant, Kind: storage.KindSession}
		switch i % 3 {
		case 0:
			m.Subject = "alice"
		case 1:
			m.SID = "s1"
		case 2:
			m.Subject, m.SID = "alice", "s1"
		}
		f.present(stored[tenant])
		f.removeMatching(m, stored[tenant])
	}
}

func matchKind(f *fixture) {
	kinds := []storage.Kind{
		"", storage.KindSession, storage.KindLogin, "sessions", "s", "session:", "Session", "session ", " session",
		storage.Kind(strings.Repeat("k", storage.MaxKind)), storage.Kind(strings.Repeat("k", storage.MaxKind-1)),
	}
	stored := map[storage.Kind]storage.Record{}
	for _, kind := range kinds {
		stored[kind] = f.of("t", kind)
	}
	for _, kind := range kinds {
		f.removeMatching(storage.Match{Tenant: "t", Kind: kind, Subject: "alice", SID: "s2"})
		f.present(stored[kind])
		f.removeMatching(storage.Match{Tenant: "t", Kind: kind, Subject: "alice"}, stored[kind])
	}
}

// scopesApart uses scopes that collide if a store concatenates tenant, kind and name.
func scopesApart(f *fixture) {
	for i, separator := range []string{"", ":", "/", "|", "\x1f", " ", "}", "%", "1:"} {
		for j, scopes := range [][2][3]string{
			{{"a" + separator + "b", "c", "d"}, {"a", "b" + separator + "c", "d"}},
			{{"a", "b" + separator + "c", "d"}, {"a", "b", "c" + separator + "d"}},
			{{"a", "", "b" + separator + "c"}, {"a", "b" + separator, "c"}},
		} {
			var stored [2]storage.Record
			for n, scope := range scopes {
				r := f.record(fmt.Sprint("record ", i, " ", j, " ", n))
				r.Tenant, r.Kind, r.Subject, r.SID = scope[0], storage.Kind(scope[1]), scope[2], scope[2]
				stored[n] = f.save(r)
			}
			for n, r := range stored {
				m := storage.Match{Tenant: r.Tenant, Kind: r.Kind, Subject: r.Subject}
				if n == 1 {
					m = storage.Match{Tenant: r.Tenant, Kind: r.Kind, SID: r.SID}
				}
				f.removeMatching(m, r)
			}
		}
	}
}

func scopeIsFixed(f *fixture) {
	r := f.of("t", storage.KindSession)
	other := r
	other.Tenant = "u"
	f.saveFails(other, storage.ErrConflict)
	other = r
	other.Kind = storage.KindLogin
	f.saveFails(other, storage.ErrConflict)
	f.present(r)
	f.removeMatching(storage.Match{Tenant: "u", Kind: storage.KindSession, Subject: "alice"})
	f.removeMatching(storage.Match{Tenant: "t", Kind: storage.KindLogin, Subject: "alice"})
	f.clock.advance(lifetime)
	other.Tenant, other.Revision, other.Expiry = "u", 0, f.clock.Now().Add(lifetime)
	f.removeMatching(storage.Match{Tenant: "u", Kind: storage.KindLogin, SID: "s1"}, f.save(other))
}

// badScopeRecords are records that no store accepts.
func (f *fixture) badScopeRecords() []storage.Record {
	var bad []storage.Record
	for _, text := range []string{strings.Repeat("t", storage.MaxTenant+1), "a\x00b", "a\xffb"} {
		tenant, kind := f.record("a"), f.record("a")
		tenant.Tenant, kind.Kind = text, storage.Kind(text)
		bad = append(bad, tenant, kind)
	}
	return bad
}

func badScopes(f *fixture) {
	for _, r := range f.badScopeRecords() {
		if _, err := f.store.Save(f.ctx, r); kind(err) != errOther {
			f.Errorf("Save(%s): %v; want an error that is none of the sentinels", show(r), err)
		}
	}
	f.absent("a")
}

func listScope(f *fixture) {
	a := f.of("t", storage.KindSession)
	b := f.of("t", storage.KindLogin)
	c := f.of("t1", storage.KindSession)
	d := f.of("", "")
	f.list(storage.Match{Tenant: "t", Kind: storage.KindSession, Subject: "alice"}, a)
	f.list(storage.Match{Tenant: "t", Kind: storage.KindSession, SID: "s1"}, a)
	f.list(storage.Match{Tenant: "t", Kind: storage.KindLogin, SID: "s1"}, b)
	f.list(storage.Match{Tenant: "t1", Kind: storage.KindSession, Subject: "alice"}, c)
	f.list(storage.Match{Tenant: "t1", Kind: storage.KindSession, Subject: "alice", SID: "s1"}, c)
	f.list(storage.Match{Subject: "alice"}, d)
	f.list(storage.Match{Tenant: "t", Subject: "alice"})
	f.list(storage.Match{Kind: storage.KindSession, Subject: "alice"})
}

func enqueueScope(f *fixture) {
	a := f.of("t", storage.KindSession)
	b := f.of("t", storage.KindLogin)
	c := f.of("t1", storage.KindSession)
	f.enqueued(storage.Match{Tenant: "t", Subject: "alice"})
	f.enqueued(storage.Match{Tenant: "t2", Kind: storage.KindSession, SID: "s1"}, f.of("t2", storage.KindSession))
	f.present(c)
	f.enqueued(storage.Match{Tenant: "t", Kind: storage.KindSession, Subject: "alice"}, a)
	f.present(b)
	f.present(c)
	f.enqueued(storage.Match{Tenant: "t1", Kind: storage.KindSession, SID: "s1"}, c)
	f.present(b)
}

// claimTenant enqueues for many tenants in turn, so that the oldest revocation of each
// is due while other tenants have older ones.
func claimTenant(f *fixture) {
	byTenant := map[string][]storage.Revocation{}
	for i, tenant := range append(tenantNames, tenantNames...) {
		r := f.record(fmt.Sprint("revocation ", i))
		r.Tenant, r.Kind = tenant, storage.KindToken
		if i%2 == 0 {
			byTenant[tenant] = append(byTenant[tenant], f.enqueues(r))
			continue
		}
		d, err := f.queue().DeleteAndEnqueue(f.ctx, f.save(r).ID, lease)
		if err != nil {
			f.Fatalf("DeleteAndEnqueue: %v", err)
		}
		byTenant[tenant] = append(byTenant[tenant], d)
	}
	f.clock.advance(lease)
	f.claimsOf("unknown", 100, lease)
	for tenant, revocations := range byTenant {
		f.claimsOf(tenant, 100, lease, revocations...)
		f.claimsOf(tenant, 100, lease)
	}
	f.clock.advance(lease)
	for tenant, revocations := range byTenant {
		f.claimsOf(tenant, 100, lease, revocations...)
	}
}

func resolveTenant(f *fixture) {
	r := f.record("a")
	r.Tenant = "t"
	d := f.enqueues(r)
	for _, tenant := range []string{"", "t1", "T", "t:"} {
		other := d
		other.Record.Tenant = tenant
		f.failed(f.queue().Complete(f.ctx, other), storage.ErrNotFound, "Complete by another tenant")
		f.failed(f.queue().Retry(f.ctx, other, f.clock.Now()), storage.ErrNotFound, "Retry by another tenant")
		f.claimsOf(tenant, 10, lease)
	}
	again := f.record("a")
	again.Tenant = "t1"
	_, err := f.queue().Enqueue(f.ctx, again, lease)
	f.failed(err, storage.ErrConflict, "Enqueue by another tenant under the same ID")

	f.clock.advance(lease)
	d = f.claimsOf("t", 10, lease, d)[0]
	if err := f.queue().Retry(f.ctx, d, f.clock.Now()); err != nil {
		f.Fatalf("Retry: %v", err)
	}
	d.Attempts = 1
	f.claimsOf("t1", 10, lease)
	d = f.claimsOf("t", 10, lease, d)[0]
	if err := f.queue().Complete(f.ctx, d); err != nil {
		f.Fatalf("Complete: %v", err)
	}
	f.clock.advance(lease)
	f.claimsOf("t", 10, lease)
}

func badEnqueueScopes(f *fixture) {
	for _, r := range f.badScopeRecords() {
		if _, err := f.queue().Enqueue(f.ctx, r, lease); kind(err) != errOther {
			f.Errorf("Enqueue(%s): %v; want an error that is none of the sentinels", show(r), err)
		}
	}
	f.enqueues(f.record("a"))
}
