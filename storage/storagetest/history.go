package storagetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/passport-go/passport/storage"
)

var historyChecks = []check{
	{"random calls at once are linearizable", randomHistories},
}

// Few enough calls to search all their orders, and to fit into a 64-bit set.
const (
	historyWorkers = 5
	historyCalls   = 12
	historyIDs     = 3
)

// history records, for each ID, the concurrent random calls and their results.
type history struct {
	*fixture
	ids   [historyIDs]string
	ticks atomic.Int64

	mu     sync.Mutex
	events [historyIDs][]event
}

func randomHistories(f *fixture) {
	random := f.random()
	for round := range atLeast(100) {
		h := &history{fixture: f}
		for i := range h.ids {
			h.ids[i] = fmt.Sprintf("round %d, %d", round, i)
		}
		var seeds [historyWorkers]uint64
		for i := range seeds {
			seeds[i] = random.Uint64()
		}
		parallel(historyWorkers, func(i int) {
			c := &caller{history: h, name: fmt.Sprint("caller ", i), store: f.at(i), rand: rand.New(rand.NewPCG(seeds[i], 1))}
			for range historyCalls {
				c.step()
			}
		})
		h.check()
	}
}

func (h *history) check() {
	for _, events := range h.events {
		if linearizable(events) {
			continue
		}
		slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.start, b.start) })
		for _, e := range events {
			h.Logf("from %d to %d: %s", e.start, e.end, e.call)
		}
		h.Fatalf("these calls for one record cannot have happened in any order")
	}
}

// caller makes random calls, one after another.
type caller struct {
	*history
	name  string
	store storage.TokenStore
	rand  *rand.Rand
	calls int
	seen  [historyIDs]storage.Record // as last read or written
}

func (c *caller) step() {
	c.calls++
	switch n := c.rand.IntN(20); {
	case n < 3:
		c.load(c.rand.IntN(historyIDs))
	case n < 7:
		c.save(c.rand.IntN(historyIDs), 0)
	case n < 14:
		i := c.rand.IntN(historyIDs)
		c.save(i, c.seen[i].Revision)
	case n < 16:
		c.delete(c.rand.IntN(historyIDs))
	case n < 18:
		c.list()
	default:
		c.deleteMatching()
	}
}

// timed makes a call and returns when it started and ended.
func (c *caller) timed(call func()) (start, end int64) {
	start = c.ticks.Add(1)
	call()
	return start, c.ticks.Add(1)
}

func (c *caller) record(i int, start, end int64, call string, apply func(version) (version, bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[i] = append(c.events[i], event{start, end, c.name + ": " + call, apply})
}

func (c *caller) load(i int) {
	var got storage.Record
	var err error
	start, end := c.timed(func() { got, err = c.store.Load(c.ctx, c.ids[i]) })
	c.saw(i, got, err)
	c.record(i, start, end, fmt.Sprintf("Load: %s, %v", show(got), err), func(v version) (version, bool) {
		return v, answers(v, got, err)
	})
}

// answers reports whether Load or Delete may return got and err when v is stored.
func answers(v version, got storage.Record, err error) bool {
	if v == (version{}) {
		return errors.Is(err, storage.ErrNotFound)
	}
	return err == nil && versionOf(got) == v
}

func (c *caller) saw(i int, r storage.Record, err error) {
	if err == nil {
		c.seen[i] = r
	} else if kind(err) != storage.ErrNotFound && kind(err) != storage.ErrConflict {
		c.Errorf("unexpected error: %v", err)
	}
}

func (c *caller) save(i int, revision uint64) {
	r := c.fixture.record(c.ids[i])
	r.Revision = revision
	r.Subject = []string{"", "alice", "bob"}[c.rand.IntN(3)]
	r.SID = []string{"", "s1", "s2"}[c.rand.IntN(3)]
	r.Data = fmt.Append(nil, c.name, ", call ", c.calls)
	var got storage.Record
	var err error
	start, end := c.timed(func() { got, err = c.store.Save(c.ctx, r) })
	c.saw(i, got, err)
	c.record(i, start, end, fmt.Sprintf("Save(%s): %v", show(r), err), func(v version) (version, bool) {
		switch {
		case v.revision == r.Revision:
			written := versionOf(r)
			written.revision++
			return written, err == nil && versionOf(got) == written
		case v == version{}:
			return v, errors.Is(err, storage.ErrNotFound)
		}
		return v, errors.Is(err, storage.ErrConflict)
	})
}

func (c *caller) delete(i int) {
	var got storage.Record
	var err error
	start, end := c.timed(func() { got, err = c.store.Delete(c.ctx, c.ids[i]) })
	c.saw(i, got, err)
	c.record(i, start, end, fmt.Sprintf("Delete: %s, %v", show(got), err), func(v version) (version, bool) {
		return version{}, answers(v, got, err)
	})
}

func (c *caller) match() storage.Match {
	return [...]storage.Match{{Subject: "alice"}, {Subject: "bob"}, {SID: "s1"}, {SID: "s2"},
		{Subject: "alice", SID: "s1"}, {Subject: "alice", Except: c.ids[0]}}[c.rand.IntN(6)]
}

func (c *caller) deleteMatching() {
	m := c.match()
	var got []storage.Record
	var err error
	start, end := c.timed(func() { got, err = c.store.DeleteMatching(c.ctx, m) })
	c.matched(start, end, "DeleteMatching", m, got, err, func(version) version { return version{} })
}

func (c *caller) list() {
	lister, ok := c.store.(storage.Lister)
	if !ok {
		c.load(c.rand.IntN(historyIDs))
		return
	}
	m := c.match()
	var got []storage.Record
	var err error
	start, end := c.timed(func() { got, err = lister.List(c.ctx, m) })
	c.matched(start, end, "List", m, got, err, func(v version) version { return v })
}

// matched records an event for every ID: that it was selected, or that it was not. The
// call must be atomic for each record, but not for all together.
func (c *caller) matched(start, end int64, call string, m storage.Match, got []storage.Record, err error, selected func(version) version) {
	if err != nil {
		c.Errorf("%s(%+v): %v", call, m, err)
		return
	}
	for i, id := range c.ids {
		at := slices.IndexFunc(got, func(r storage.Record) bool { return r.ID == id })
		if at < 0 {
			c.record(i, start, end, fmt.Sprintf("%s(%+v): not selected", call, m), func(v version) (version, bool) {
				return v, v == version{} || !selects(m, v.record(id))
			})
			continue
		}
		c.saw(i, got[at], nil)
		c.record(i, start, end, fmt.Sprintf("%s(%+v): %s", call, m, show(got[at])), func(v version) (version, bool) {
			return selected(v), versionOf(got[at]) == v && selects(m, v.record(id))
		})
	}
}

func (v version) record(id string) storage.Record {
	return storage.Record{ID: id, Tenant: v.tenant, Kind: v.kind, Subject: v.subject, SID: v.sid}
}
