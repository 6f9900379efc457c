package redis

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// move is a slot on its way from one node to another.
type move struct {
	t        *testing.T
	slot     int64
	from, to *server
}

func (c *cluster) beginMove(t *testing.T, key string) *move {
	slot := c.nodes[0].admin(t).ClusterKeySlot(t.Context(), key).Val()
	owner := int(slot) * clusterNodes / 16384
	m := &move{t: t, slot: slot, from: c.nodes[owner], to: c.nodes[(owner+1)%clusterNodes]}
	m.begin()
	return m
}

func (m *move) do(on *server, command ...any) {
	m.t.Helper()
	require.NoError(m.t, on.admin(m.t).Do(m.t.Context(), command...).Err())
}

func (m *move) id(s *server) string { return s.admin(m.t).ClusterMyID(m.t.Context()).Val() }

func (m *move) begin() {
	m.t.Helper()
	m.do(m.to, "CLUSTER", "SETSLOT", m.slot, "IMPORTING", m.id(m.from))
	m.do(m.from, "CLUSTER", "SETSLOT", m.slot, "MIGRATING", m.id(m.to))
}

func (m *move) key(key string) {
	m.t.Helper()
	m.do(m.from, "MIGRATE", "127.0.0.1", m.to.port, key, 0, 5000)
}

func (m *move) finish() {
	m.t.Helper()
	for _, key := range m.from.admin(m.t).ClusterGetKeysInSlot(m.t.Context(), int(m.slot), 1000).Val() {
		m.key(key)
	}
	for _, node := range []*server{m.to, m.from} {
		m.do(node, "CLUSTER", "SETSLOT", m.slot, "NODE", m.id(m.to))
	}
}

// undo takes the slot back to where the other tests expect it.
func (m *move) undo() {
	m.t.Helper()
	m.from, m.to = m.to, m.from
	m.begin()
	m.finish()
}

// While a slot moves, a session can be read, and every write happens as a whole
// or not at all.
func TestNothingIsDoneByHalvesWhileASlotMoves(t *testing.T) {
	c := theCluster(t)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.addrs(), MaxRedirects: 2, MaxRetryBackoff: time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	alice := storage.Match{Subject: "alice"}
	for i, test := range []struct {
		name  string
		moved func(in space, p *people) []string
	}{
		{"nothing has moved", func(space, *people) []string { return nil }},
		{"records have moved", func(in space, p *people) []string { return []string{in.record(p.first), in.record(p.second)} }},
		{"the index has moved", func(in space, _ *people) []string { return []string{in.index(alice)} }},
		{"the queue has moved", func(in space, _ *people) []string { return []string{in.due("")} }},
		{"the revocation has moved", func(in space, p *people) []string { return []string{in.revocation(p.pending)} }},
		{"the queue and a record have moved", func(in space, p *people) []string { return []string{in.due(""), in.record(p.second)} }},
		{"all but the records has moved", func(in space, p *people) []string {
			return []string{in.index(alice), in.index(storage.Match{SID: "sid of " + p.first}), in.index(storage.Match{SID: "sid of " + p.second}), in.due(""), in.revocation(p.pending)}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var clock clock
			s := newStore(t, client, Options{Now: clock.now})
			in := s.spaces[i]
			p := populateSpace(t, s, in)
			m := c.beginMove(t, in.due(""))
			for _, key := range test.moved(in, p) {
				m.key(key)
			}
			p.writeAll(t, s, &clock)
			m.finish()
			for _, index := range p.withGhost(in) {
				require.NoError(t, client.ZRem(t.Context(), index, "ghost").Err())
			}
			assertWhole(t, m.to, in)
			p.assertNobodyLost(t, s, &clock)
			m.undo()
		})
	}
}

// people are IDs of one space, and what is known of them.
type people struct {
	first, second, bob, pending, late, unstored string
	revocation                                  storage.Revocation // that of pending

	completed, created, entered bool
}

func populateSpace(t *testing.T, s *Store, in space) *people {
	ids := idsIn(s, in, 6)
	p := &people{first: ids[0], second: ids[1], bob: ids[2], pending: ids[3], late: ids[4], unstored: ids[5]}
	for _, id := range ids[:4] {
		r := newRecord(id)
		if id == p.bob {
			r.Subject = "bob"
		}
		save(t, s, r)
	}
	p.revocation = deleteAndEnqueue(t, s, p.pending)
	for _, index := range p.withGhost(in) {
		require.NoError(t, s.client.ZAdd(t.Context(), index, redis.Z{Score: 1, Member: "ghost"}).Err())
	}
	return p
}

// withGhost returns indexes that list a record that expired long ago.
func (p *people) withGhost(in space) []string {
	return []string{in.index(storage.Match{Subject: "bob"}), in.index(storage.Match{SID: "sid of " + p.first})}
}

// writeAll tries everything that writes.
func (p *people) writeAll(t *testing.T, s *Store, clock *clock) {
	ctx := t.Context()
	for _, id := range []string{p.first, p.second, p.bob} {
		_, err := s.Load(ctx, id)
		require.NoError(t, err)
	}
	_, err := s.Save(ctx, newRecord(p.late))
	p.created = whole(t, err)
	_, err = s.Enqueue(ctx, newRecord(p.unstored), time.Minute)
	p.entered = whole(t, err)
	p.completed = whole(t, s.Complete(ctx, p.revocation))

	r, err := s.Load(ctx, p.first)
	require.NoError(t, err)
	r.Subject = "bob"
	_, err = s.Save(ctx, r)
	whole(t, err)
	for _, subject := range []string{"alice", "bob"} {
		_, err = s.DeleteMatchingAndEnqueue(ctx, storage.Match{Subject: subject}, time.Minute)
		whole(t, err)
	}
	if _, err = s.Load(ctx, p.second); err == nil {
		_, err = s.DeleteAndEnqueue(ctx, p.second, time.Minute)
		whole(t, err)
	}
	clock.advance(time.Minute)
	_, err = s.Claim(ctx, "", 100, time.Minute)
	whole(t, err)
}

// whole reports whether a write has happened. If it has not, the error says why.
func whole(t *testing.T, err error) bool {
	t.Helper()
	if err != nil {
		assert.ErrorContains(t, err, "slot is moving")
	}
	return err == nil
}

// assertNobodyLost checks that everybody is signed in, or out with a revocation.
func (p *people) assertNobodyLost(t *testing.T, s *Store, clock *clock) {
	clock.advance(time.Minute)
	claimed, err := s.Claim(t.Context(), "", 100, time.Minute)
	require.NoError(t, err)
	enqueued := idsOf(claimed)
	count := func(id string) (n int) {
		if _, err := s.Load(t.Context(), id); err == nil {
			n++
		}
		if slices.Contains(enqueued, id) {
			n++
		}
		return n
	}
	for id, want := range map[string]bool{
		p.first: true, p.second: true, p.bob: true, p.pending: !p.completed, p.late: p.created, p.unstored: p.entered,
	} {
		if want {
			assert.Equal(t, 1, count(id), id)
		} else {
			assert.Zero(t, count(id), id)
		}
	}
}

// idsIn returns the IDs of n records in that space.
func idsIn(s *Store, in space, n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint(i); s.space(id) == in {
			ids = append(ids, id)
		}
	}
	return ids
}

// assertWhole checks that the records of a space are in their indexes, and its
// revocations in the queue, and nothing else is.
func assertWhole(t *testing.T, on *server, in space) {
	t.Helper()
	admin, ctx := on.admin(t), t.Context()
	var want, got []string
	for _, key := range admin.Keys(ctx, in.record("*")).Val() {
		id := key[len(in.record("")):]
		value := admin.Get(ctx, key).Val()
		r, err := decodeRecord(id, value, []byte(value))
		require.NoError(t, err)
		want = append(want, in.index(storage.Match{Subject: r.Subject})+" "+id, in.index(storage.Match{SID: r.SID})+" "+id)
	}
	for _, key := range admin.Keys(ctx, in.revocation("*")).Val() {
		want = append(want, in.due("")+" "+key[len(in.revocation("")):])
	}
	for _, kind := range []string{"subject:*", "sid:*", "due:*"} {
		for _, key := range admin.Keys(ctx, string(in)+kind).Val() {
			for _, id := range admin.ZRange(ctx, key, 0, -1).Val() {
				got = append(got, key+" "+id)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	assert.Equal(t, want, got)
}
