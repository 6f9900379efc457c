package memory

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// TestLongListIsWalkedWhileItChanges lists a user with more sessions than fit
// in a step, while others come and go: none that stays is missed, none is
// listed twice.
func TestLongListIsWalkedWhileItChanges(t *testing.T) {
	s, c := newStore(Options{})
	const staying = 5 * walkBatch
	alices := func(i int) storage.Record {
		r := record(c, i, time.Hour)
		r.Subject = "alice"
		return r
	}
	coming := make([]storage.Record, staying)
	for i := range staying { // every other one is to go
		save(t, s, alices(i))
		coming[i] = save(t, s, alices(staying+i))
	}

	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			r := &coming[n%staying]
			switch n / staying % 4 {
			case 0:
				r.Subject = "bob"
			case 1:
				r.Subject = "alice"
			case 2:
				_, err := s.Delete(t.Context(), r.ID)
				assert.NoError(t, err)
				continue
			case 3:
				*r = alices(staying + n%staying)
			}
			saved, err := s.Save(t.Context(), *r)
			assert.NoError(t, err)
			*r = saved
		}
	})

	for range 30 {
		listed := map[string]int{}
		records, err := s.List(t.Context(), storage.Match{Subject: "alice"})
		require.NoError(t, err)
		for _, r := range records {
			listed[r.ID]++
			if listed[r.ID] != 1 || r.Subject != "alice" {
				require.FailNow(t, "listed wrongly", "%q of %s, %d times", r.ID, r.Subject, listed[r.ID])
			}
		}
		for i := range staying {
			if listed[fmt.Sprint("id ", i)] != 1 {
				require.FailNow(t, "missed", "id %d", i)
			}
		}
	}
}

// TestPauseKeepsThePlace removes the very entry at which a walk pauses.
func TestPauseKeepsThePlace(t *testing.T) {
	s, c := newStore(Options{})
	for i := range 3 { // in the list: 2, 1, 0
		r := record(c, i, time.Hour)
		r.Subject = "alice"
		save(t, s, r)
	}
	ofAlice := indexKey{tenant: s.tenants.of(""), name: "alice"}
	sh := s.subjects.shard(ofAlice)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	middle := sh.heads[ofAlice].links[bySubject].next
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := s.Delete(t.Context(), middle.record.ID)
		assert.NoError(t, err)
	})
	var next *entry
	for middle.links[bySubject] != (link{}) { // until Delete comes through, which the mutex grants it
		next = s.subjects.pause(sh, middle)
	}
	require.NotNil(t, next)
	assert.Equal(t, "id 0", next.record.ID)
	sh.mu.Unlock()
	wg.Wait()
	sh.mu.Lock()
}

// TestChangedKeyIsNeverNowhere stops a Save between its two changes to an
// index: the record must be under its new subject by then.
func TestChangedKeyIsNeverNowhere(t *testing.T) {
	s, c := newStore(Options{})
	r := save(t, s, record(c, 0, time.Hour))
	subject := "another subject"
	key := func(subject string) indexKey { return indexKey{tenant: s.tenants.of(""), name: subject} }
	for s.subjects.shard(key(subject)) == s.subjects.shard(key(r.Subject)) {
		subject += "!"
	}
	from := s.subjects.shard(key(r.Subject))
	var wg sync.WaitGroup
	defer wg.Wait()
	from.mu.Lock()
	defer from.mu.Unlock()
	wg.Go(func() {
		r.Subject = subject
		_, err := s.Save(t.Context(), r)
		assert.NoError(t, err)
	})
	assert.Eventually(t, func() bool {
		return len(s.subjects.entries(key(subject), nil)) == 1
	}, 10*time.Second, time.Millisecond, "a record has left its old subject, but not come to the new")
}

func TestNoBookmarkIsLeft(t *testing.T) {
	s, c := newStore(Options{})
	const n = 2 * walkBatch
	for i := range n {
		r := record(c, i, time.Hour)
		r.Subject = "alice"
		save(t, s, r)
	}
	removed, err := s.DeleteMatching(t.Context(), storage.Match{Subject: "alice"})
	require.NoError(t, err)
	assert.Len(t, removed, n)
	consistent(t, s)
}

// item is in a queue, and knows where.
type item struct{ id, place int }

func (i *item) moved(to int) { i.place = to }

// TestQueueYieldsInOrder makes random changes to a queue and compares it with
// a plain map.
func TestQueueYieldsInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var q heap[*item]
	queued := map[*item]int64{}
	some := func() *item {
		for i := range queued {
			return i
		}
		return nil
	}
	for n := range 3000 {
		at := random.Int64N(100)
		switch i := some(); {
		case len(queued) < 20+random.IntN(20):
			i = &item{id: n}
			q.push(at, i)
			queued[i] = at
		case random.IntN(3) == 0:
			q.remove(i.place)
			require.Equal(t, notQueued, i.place)
			delete(queued, i)
		case random.IntN(4) == 0:
			other := &item{id: n}
			q.replace(i.place, other)
			queued[other] = queued[i]
			delete(queued, i)
		default:
			q.move(i.place, at)
			queued[i] = at
		}
		require.Len(t, q.slots, len(queued))
		least := int64(1000)
		for i, at := range queued {
			require.Equal(t, slot[*item]{at, i}, q.slots[i.place])
			least = min(least, at)
		}
		_, early := q.first(least - 1)
		require.False(t, early)
		first, ok := q.first(least)
		require.Equal(t, len(queued) > 0, ok)
		if ok {
			require.Equal(t, least, queued[first])
		}
	}
}
