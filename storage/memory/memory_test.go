package memory

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
)

var (
	_ storage.TokenStore        = (*Store)(nil)
	_ storage.Lister            = (*Store)(nil)
	_ storage.RevocationQueue   = (*Store)(nil)
	_ storage.RevocationCounter = (*Store)(nil)
)

// TestContract looks, after every part of the suite, at what that has left.
func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		s := New(Options{Now: now})
		t.Cleanup(func() { consistent(t, s) })
		return s
	})
}

// clock is moved by the test. It starts anywhere.
type clock struct{ nanoseconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_700_000_000, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func newStore(o Options) (*Store, *clock) {
	c := new(clock)
	o.Now = c.now
	return New(o), c
}

func record(c *clock, i int, lifetime time.Duration) storage.Record {
	return storage.Record{
		ID:      fmt.Sprint("id ", i),
		Subject: fmt.Sprint("subject ", i/3),
		SID:     fmt.Sprint("sid ", i),
		Expiry:  c.now().Add(lifetime),
		Data:    fmt.Append(nil, "data ", i),
	}
}

func save(t *testing.T, s *Store, r storage.Record) storage.Record {
	t.Helper()
	saved, err := s.Save(t.Context(), r)
	require.NoError(t, err)
	return saved
}

func TestZeroOptions(t *testing.T) {
	s := New(Options{})
	r := save(t, s, storage.Record{ID: "a", Expiry: time.Now().Add(time.Hour)})
	got, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, r, got)
	assert.EqualValues(t, DefaultLimit, s.limit)
	assert.EqualValues(t, DefaultLimit, s.queue.limit)
}

func TestLimitFailsLoudly(t *testing.T) {
	s, c := newStore(Options{Limit: 10})
	for i := range 10 {
		save(t, s, record(c, i, time.Hour))
	}
	_, err := s.Save(t.Context(), record(c, 10, time.Hour))
	require.ErrorIs(t, err, storage.ErrFull)
	assert.Contains(t, err.Error(), "Options.Limit", "the way out")
	_, err = s.Save(t.Context(), record(c, 0, time.Hour))
	assert.ErrorIs(t, err, storage.ErrConflict, "a record that is there is no question of room")
}

func TestAtTheLimitStoredRecordsStillWork(t *testing.T) {
	s, c := newStore(Options{Limit: 10})
	var records []storage.Record
	for i := range 10 {
		records = append(records, save(t, s, record(c, i, time.Hour)))
	}
	r := records[0]
	r.Subject, r.SID, r.Data = "another subject", "another sid", []byte(strings.Repeat("more ", 1000))
	r = save(t, s, r)
	got, err := s.Load(t.Context(), r.ID)
	require.NoError(t, err)
	assert.Equal(t, r, got)

	_, err = s.Delete(t.Context(), r.ID)
	require.NoError(t, err)
	save(t, s, record(c, 10, time.Hour))
	_, err = s.Save(t.Context(), record(c, 11, time.Hour))
	assert.ErrorIs(t, err, storage.ErrFull, "one was deleted, so there was room for one")
}

func TestAtTheLimitExpiredRecordsMakeRoom(t *testing.T) {
	const limit = 1000
	s, c := newStore(Options{Limit: limit})
	for i := range limit {
		lifetime := time.Hour
		if i == 500 {
			lifetime = time.Minute
		}
		save(t, s, record(c, i, lifetime))
	}
	c.advance(time.Minute)
	save(t, s, record(c, limit, time.Hour)) // in the place of the one that expired
	_, err := s.Save(t.Context(), record(c, limit+1, time.Hour))
	require.ErrorIs(t, err, storage.ErrFull)

	c.advance(time.Hour)
	for i := range limit {
		save(t, s, record(c, 2*limit+i, time.Hour))
	}
	_, err = s.Save(t.Context(), record(c, 4*limit, time.Hour))
	assert.ErrorIs(t, err, storage.ErrFull)
}

func TestLimitHoldsUnderConcurrency(t *testing.T) {
	const limit = 100
	s, c := newStore(Options{Limit: limit})
	var saved atomic.Int64
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range limit {
				if _, err := s.Save(t.Context(), record(c, worker*limit+i, time.Hour)); err == nil {
					saved.Add(1)
				} else {
					assert.ErrorIs(t, err, storage.ErrFull)
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, limit, saved.Load())
	assert.EqualValues(t, limit, s.tenants.of("").count.Load())
}

// TestLimitsAreForEachTenant pins that a tenant that has used up its room leaves
// the others theirs.
func TestLimitsAreForEachTenant(t *testing.T) {
	s, c := newStore(Options{Limit: 2, RevocationLimit: 1})
	of := func(tenant string, i int) storage.Record {
		r := record(c, i, time.Hour)
		r.Tenant = tenant
		return r
	}
	for i := range 2 {
		save(t, s, of("a", i))
	}
	_, err := s.Save(t.Context(), of("a", 2))
	require.ErrorIs(t, err, storage.ErrFull)
	for i := range 2 {
		save(t, s, of("b", 10+i))
	}

	_, err = s.Enqueue(t.Context(), of("a", 20), time.Minute)
	require.NoError(t, err)
	_, err = s.DeleteAndEnqueue(t.Context(), "id 0", time.Minute)
	require.ErrorIs(t, err, storage.ErrFull)
	_, err = s.DeleteAndEnqueue(t.Context(), "id 10", time.Minute)
	require.NoError(t, err)
	consistent(t, s)
}

func TestReserveIsExact(t *testing.T) {
	s, _ := newStore(Options{Limit: 1})
	var holders atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20_000 {
				if !s.reserve(s.tenants.of("")) {
					continue
				}
				if holders.Add(1) != 1 {
					assert.Fail(t, "room for one has been given to two")
					return
				}
				holders.Add(-1)
				s.tenants.of("").count.Add(-1)
			}
		})
	}
	wg.Wait()
}

// TestWritersReadTheClockUnderTheLock pins that no writer goes by a time that
// is over: another may have been told meanwhile that the record has expired.
func TestWritersReadTheClockUnderTheLock(t *testing.T) {
	var sh *shard
	locked := false
	s := New(Options{Now: func() time.Time {
		if sh != nil {
			locked = !sh.mu.TryLock()
			if !locked {
				sh.mu.Unlock()
			}
		}
		return time.Now()
	}})
	r := storage.Record{ID: "a", Subject: "alice", Expiry: time.Now().Add(time.Hour)}
	sh = s.shard("a")
	for range 2 { // creates, then replaces
		r = save(t, s, r)
		assert.True(t, locked)
	}
	_, err := s.DeleteMatching(t.Context(), storage.Match{Subject: "alice"})
	require.NoError(t, err)
	assert.True(t, locked)
}

func TestWritesSweepWhatHasExpired(t *testing.T) {
	s, c := newStore(Options{})
	const n = 10_000
	for i := range n {
		save(t, s, record(c, i, time.Minute))
	}
	c.advance(time.Minute)
	for i := range n {
		save(t, s, record(c, n+i, time.Hour))
	}
	assert.Less(t, s.tenants.of("").count.Load(), int64(n+n/10), "expired records are still there after as many writes")
}

func TestNewExpiryIsSweptBy(t *testing.T) {
	s, c := newStore(Options{})
	for i := range 300 {
		r := save(t, s, record(c, i, time.Hour))
		r.Expiry = c.now().Add([]time.Duration{time.Minute, 2 * time.Hour}[i%2])
		save(t, s, r)
	}
	c.advance(time.Minute)
	for s.sweepAny() {
	}
	assert.EqualValues(t, 150, s.tenants.of("").count.Load(), "those that were shortened are swept")
	c.advance(time.Hour)
	for s.sweepAny() {
	}
	assert.EqualValues(t, 150, s.tenants.of("").count.Load(), "those that were extended are not")
	consistent(t, s)
}

func TestNothingIsLeftOfRemovedRecords(t *testing.T) {
	s, c := newStore(Options{})
	for i := range 300 {
		r := save(t, s, record(c, i, time.Minute))
		r.Subject, r.SID = fmt.Sprint("other subject ", i/3), fmt.Sprint("other sid ", i)
		save(t, s, r)
	}
	for i := range 100 {
		_, err := s.Delete(t.Context(), fmt.Sprint("id ", i))
		require.NoError(t, err)
	}
	for i := range 33 {
		_, err := s.DeleteMatching(t.Context(), storage.Match{Subject: fmt.Sprint("other subject ", 34+i)})
		require.NoError(t, err)
	}
	c.advance(time.Minute)
	for s.sweepAny() {
	}
	assert.Zero(t, s.tenants.of("").count.Load())
	consistent(t, s)
}

func TestRevocationLimitKeepsTheRecord(t *testing.T) {
	s, c := newStore(Options{RevocationLimit: 1})
	for i := range 3 {
		save(t, s, record(c, i, time.Hour))
	}
	first, err := s.DeleteAndEnqueue(t.Context(), "id 0", time.Minute)
	require.NoError(t, err)

	_, err = s.DeleteAndEnqueue(t.Context(), "id 1", time.Minute)
	require.ErrorIs(t, err, storage.ErrFull)
	assert.Contains(t, err.Error(), "Options.RevocationLimit", "the way out")
	_, err = s.Enqueue(t.Context(), record(c, 9, time.Hour), time.Minute)
	require.ErrorIs(t, err, storage.ErrFull)
	_, err = s.Load(t.Context(), "id 1")
	require.NoError(t, err, "a record that cannot become a revocation stays")

	require.NoError(t, s.Complete(t.Context(), first))
	enqueued, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "subject 0"}, time.Minute)
	require.ErrorIs(t, err, storage.ErrFull)
	assert.Len(t, enqueued, 1, "what was enqueued before it was full is returned")
	removed, err := s.DeleteMatching(t.Context(), storage.Match{Subject: "subject 0"})
	require.NoError(t, err)
	assert.Len(t, removed, 1)
}

func TestClaimInSteps(t *testing.T) {
	s, c := newStore(Options{})
	const n = 3*claimStep + 5
	for i := range n {
		_, err := s.Enqueue(t.Context(), record(c, i, time.Hour), time.Duration(n-i)*time.Second)
		require.NoError(t, err)
	}
	c.advance(n * time.Second)
	claimed, err := s.Claim(t.Context(), "", 2*n, 0)
	require.NoError(t, err)
	require.Len(t, claimed, n)
	for i, d := range claimed {
		assert.Equal(t, fmt.Sprint("id ", n-1-i), d.Record.ID, "the oldest Due first, none twice")
	}
}

func TestLoadCostsNoAllocation(t *testing.T) {
	s, c := newStore(Options{})
	r := record(c, 0, time.Hour)
	r.Data = make([]byte, 1<<20)
	save(t, s, r)
	ctx := t.Context()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := s.Load(ctx, "id 0"); err != nil {
			panic(err)
		}
	}))
	one, err := s.Load(ctx, "id 0")
	require.NoError(t, err)
	other, err := s.Load(ctx, "id 0")
	require.NoError(t, err)
	assert.Same(t, &one.Data[0], &other.Data[0], "Data is shared, not copied")
}

func TestDeletedDataIsFreed(t *testing.T) {
	s, c := newStore(Options{})
	for i := range 4 {
		save(t, s, record(c, i, time.Hour))
	}
	r := record(c, 10, time.Hour)
	r.Data = make([]byte, 1<<20)
	save(t, s, r)
	freed := make(chan struct{})
	func() {
		removed, err := s.Delete(t.Context(), r.ID)
		require.NoError(t, err)
		runtime.AddCleanup(&removed.Data[0], func(struct{}) { close(freed) }, struct{}{})
	}()
	deadline := time.After(10 * time.Second)
	for {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(s)
			return
		case <-deadline:
			require.FailNow(t, "the store holds on to the Data of a record that it has deleted")
		case <-time.After(time.Millisecond):
		}
	}
}

// TestNoGoroutine ends in a bubble, which fails if a goroutine is left in it.
func TestNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		for i := range 1000 {
			save(t, s, storage.Record{ID: fmt.Sprint(i), Expiry: time.Now().Add(time.Minute)})
		}
		time.Sleep(time.Minute)
		save(t, s, storage.Record{ID: "a", Expiry: time.Now().Add(time.Minute)})
		_, err := s.Enqueue(t.Context(), storage.Record{ID: "b"}, time.Minute)
		require.NoError(t, err)
	})
}

// TestReadersPassWriters holds the lock of one shard, as a writer does, and
// reads from all the others.
func TestReadersPassWriters(t *testing.T) {
	s, c := newStore(Options{})
	for i := range 1000 {
		save(t, s, record(c, i, time.Hour))
	}
	locked := s.shard("id 0")
	locked.mu.Lock()
	defer locked.mu.Unlock()
	read := make(chan int)
	go func() {
		n := 0
		for i := range 1000 {
			if id := fmt.Sprint("id ", i); s.shard(id) != locked {
				_, err := s.Load(t.Context(), id)
				assert.NoError(t, err)
				n++
			}
		}
		read <- n
	}()
	select {
	case n := <-read:
		assert.Greater(t, n, 900)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "readers wait for a writer who is elsewhere")
	}
}

func TestAPendingRevocationKeepsNothingDecoded(t *testing.T) {
	s := New(Options{})
	saved, err := s.Save(t.Context(), storage.Record{ID: "a", Expiry: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	saved.SetDecoded("an open token")
	removed, err := s.DeleteAndEnqueue(t.Context(), "a", 0)
	require.NoError(t, err)
	assert.Equal(t, "an open token", removed.Record.Decoded(), "who has removed it looks at it once more")
	require.NoError(t, s.Retry(t.Context(), removed, time.Now().Add(-time.Minute)))
	claimed, err := s.Claim(t.Context(), "", 1, time.Minute)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	assert.Nil(t, claimed[0].Record.Decoded())
}
