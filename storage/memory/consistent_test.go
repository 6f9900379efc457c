package memory

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/storage"
)

// consistent checks that map, queue and indexes of a store that is at rest say
// the same, and nothing more.
func consistent(t *testing.T, s *Store) {
	t.Helper()
	stored := map[*entry]bool{}
	for i := range s.shards {
		sh := &s.shards[i]
		for id, e := range sh.entries {
			stored[e] = true
			assert.Equal(t, id, e.record.ID)
			assert.Same(t, sh, s.shard(id), "%q is in the wrong shard", id)
			assert.Equal(t, slot[*entry]{e.record.Expiry.UnixMilli(), e}, sh.expiry.slots[e.queued], "%q is queued wrongly", id)
		}
		assert.Len(t, sh.expiry.slots, len(sh.entries))
	}
	indexed(t, &s.subjects, stored, func(r storage.Record) string { return r.Subject })
	indexed(t, &s.sids, stored, func(r storage.Record) string { return r.SID })

	counted, due := 0, 0
	for _, tenant := range *s.tenants.byName.Load() {
		counted += int(tenant.count.Load())
		due += len(tenant.due.slots)
	}
	assert.Equal(t, len(stored), counted)
	assert.Equal(t, len(s.queue.revocations), due)
	for id, d := range s.queue.revocations {
		assert.Equal(t, id, d.record.ID)
		assert.Same(t, d, d.tenant.due.slots[d.pending].item, "revocation %q is queued wrongly", id)
	}
}

// indexed checks that x has every stored entry with a key once, under that key.
func indexed(t *testing.T, x *index, stored map[*entry]bool, key func(storage.Record) string) {
	t.Helper()
	listed := map[*entry]bool{}
	for i := range x.shards {
		for k, head := range x.shards[i].heads {
			var prev *entry
			for e := head; e != nil; prev, e = e, e.links[x.kind].next {
				assert.True(t, stored[e] && !listed[e], "%q is in an index for nothing", e.record.ID)
				assert.Equal(t, k, indexKey{e.tenant, e.record.Kind, key(e.record)})
				assert.Same(t, &x.shards[i], x.shard(k), "%q is in the wrong shard", k)
				assert.Equal(t, prev, e.links[x.kind].prev)
				listed[e] = true
			}
		}
	}
	for e := range stored {
		assert.Equal(t, key(e.record) != "", listed[e], "%q and the index", e.record.ID)
	}
}
