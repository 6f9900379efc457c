package memory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
)

// sessionBytes is a session with the tokens of a Passport user: an ID token and
// an access token of 1.2 KB each, a refresh token of 60 bytes, and the seal.
const sessionBytes = 2600

// session is the i-th of many: one user in three has three of them.
func session(i, size int) storage.Record {
	id := sha256.Sum256(fmt.Append(nil, "id ", i))
	return storage.Record{
		ID:      base64.RawURLEncoding.EncodeToString(id[:]),
		Subject: fmt.Sprintf("email|%024d", i/3),
		SID:     fmt.Sprintf("%032d", i),
		Expiry:  time.Now().Add(24 * time.Hour),
		Data:    make([]byte, size),
	}
}

// few and many live sessions are what a logout is measured among. Of the few all
// are in the processor's caches; of the many hardly any, nor those of the limit.
const few = 1000

func many() int {
	if testing.Short() {
		return 10_000
	}
	return 1_000_000
}

// limit is the least that a store can be: bare maps, and one lock.
type limit struct {
	mu       sync.RWMutex
	records  map[string]storage.Record
	subjects map[string][]string
	sids     map[string][]string
}

func newLimit() *limit {
	return &limit{records: map[string]storage.Record{}, subjects: map[string][]string{}, sids: map[string][]string{}}
}

func (l *limit) load(id string) (storage.Record, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r, ok := l.records[id]
	return r, ok
}

func (l *limit) save(r storage.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[r.ID] = r
	l.subjects[r.Subject] = append(l.subjects[r.Subject], r.ID)
	l.sids[r.SID] = append(l.sids[r.SID], r.ID)
}

func (l *limit) replace(r storage.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[r.ID] = r
}

func (l *limit) deleteSID(sid string) (removed []storage.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.sids[sid] {
		r := l.records[id]
		removed = append(removed, r)
		delete(l.records, id)
		dropFrom(l.subjects, r.Subject, id)
	}
	delete(l.sids, sid)
	return removed
}

func (l *limit) deleteSubject(subject string) (removed []storage.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.subjects[subject] {
		r := l.records[id]
		removed = append(removed, r)
		delete(l.records, id)
		dropFrom(l.sids, r.SID, id)
	}
	delete(l.subjects, subject)
	return removed
}

func dropFrom(index map[string][]string, key, id string) {
	if rest := slices.DeleteFunc(index[key], func(other string) bool { return other == id }); len(rest) > 0 {
		index[key] = rest
		return
	}
	delete(index, key)
}

// BenchmarkLoad is the check on every request.
func BenchmarkLoad(b *testing.B) {
	live := min(many(), 100_000)
	ids := make([]string, live)
	s, l := New(Options{Limit: -1}), newLimit()
	for i := range live {
		r := session(i, sessionBytes/10)
		ids[i] = r.ID
		mustSave(b, s, r)
		l.save(r)
	}
	rand.Shuffle(live, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ctx := b.Context()

	for _, c := range []struct {
		name string
		load func(id string)
	}{
		{"limit", func(id string) {
			if _, ok := l.load(id); !ok {
				b.Error("not found")
			}
		}},
		{"store", func(id string) {
			if _, err := s.Load(ctx, id); err != nil {
				b.Error(err)
			}
		}},
	} {
		b.Run("serial/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.load(ids[i%live])
			}
		})
		b.Run("parallel/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			var start atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for i := int(start.Add(int64(live / 8))); pb.Next(); i++ {
					c.load(ids[i%live])
				}
			})
		})
	}
}

// BenchmarkSave creates a session and replaces it, as a login and a refresh do.
func BenchmarkSave(b *testing.B) {
	b.Run("limit", func(b *testing.B) {
		b.ReportAllocs()
		l := newLimit()
		r := session(0, sessionBytes)
		for b.Loop() {
			r.Data = bytes.Clone(r.Data)
			l.save(r)
			r.Data = bytes.Clone(r.Data)
			l.replace(r)
			l.deleteSID(r.SID)
		}
	})
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		s := New(Options{})
		r := session(0, sessionBytes)
		for b.Loop() {
			mustSave(b, s, mustSave(b, s, r))
			if _, err := s.Delete(b.Context(), r.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func mustSave(tb testing.TB, s *Store, r storage.Record) storage.Record {
	tb.Helper()
	saved, err := s.Save(context.Background(), r)
	if err != nil {
		tb.Fatal(err)
	}
	return saved
}

// BenchmarkLogout removes one session by its sid, and all three of a user's, at
// random.
func BenchmarkLogout(b *testing.B) {
	seldomCollect(b)
	for _, live := range []struct {
		name string
		n    int
	}{{"few", few}, {"many", many()}} {
		l, s := newLimit(), New(Options{Limit: -1})
		users := make([][]storage.Record, live.n/3)
		for i := range users {
			users[i] = []storage.Record{session(3*i, 64), session(3*i+1, 64), session(3*i+2, 64)}
			for _, r := range users[i] {
				l.save(r)
				mustSave(b, s, r)
			}
		}
		rand.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
		runtime.GC()
		toStore := func(r storage.Record) { mustSave(b, s, r) }
		bySID := func(r storage.Record) storage.Match { return storage.Match{SID: r.SID} }
		bySubject := func(r storage.Record) storage.Match { return storage.Match{Subject: r.Subject} }

		run := func(path string, gone int, save func(storage.Record), remove func(storage.Record) []storage.Record) {
			b.Run("live="+live.name+"/"+path, func(b *testing.B) { logout(b, users, gone, save, remove) })
		}
		run("by_sid/limit", 1, l.save, func(r storage.Record) []storage.Record { return l.deleteSID(r.SID) })
		run("by_sid/store", 1, toStore, matching(b, s, bySID))
		run("everywhere/limit", 3, l.save, func(r storage.Record) []storage.Record { return l.deleteSubject(r.Subject) })
		run("everywhere/store", 3, toStore, matching(b, s, bySubject))
	}
}

// seldomCollect keeps the garbage collector from going through a million
// sessions again and again: it is not what is measured.
func seldomCollect(b *testing.B) {
	before := debug.SetGCPercent(1000)
	b.Cleanup(func() { debug.SetGCPercent(before) })
}

func matching(b *testing.B, s *Store, match func(storage.Record) storage.Match) func(storage.Record) []storage.Record {
	return func(r storage.Record) []storage.Record {
		removed, err := s.DeleteMatching(context.Background(), match(r))
		if err != nil {
			b.Error(err)
		}
		return removed
	}
}

// logout removes something of one user after the other, and puts it back, off
// the clock, a batch at a time. gone is how many sessions of a user's it should
// be.
func logout(b *testing.B, users [][]storage.Record, gone int, save func(storage.Record), remove func(storage.Record) []storage.Record) {
	b.ReportAllocs()
	batch := min(len(users)/2, 500)
	var missing []storage.Record
	restore := func() {
		for _, r := range missing {
			r.Revision = 0
			save(r)
		}
		missing = missing[:0]
	}
	for i := 0; b.Loop(); i++ {
		if i%batch == 0 && i > 0 {
			b.StopTimer()
			restore()
			b.StartTimer()
		}
		removed := remove(users[i%len(users)][0])
		if len(removed) != gone {
			b.Fatal("not removed")
		}
		missing = append(missing, removed...)
	}
	restore()
}

// BenchmarkMemory reports the bytes that a session costs, both indexes
// included, beside those in a bare map without any index.
func BenchmarkMemory(b *testing.B) {
	live := min(many(), 100_000)
	b.Run("limit", func(b *testing.B) {
		for b.Loop() {
			reportBytes(b, live, func() any {
				m := make(map[string][]byte)
				for i := range live {
					r := session(i, sessionBytes)
					m[r.ID] = r.Data
				}
				return m
			})
		}
	})
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			reportBytes(b, live, func() any {
				s := New(Options{Limit: -1})
				for i := range live {
					mustSave(b, s, session(i, sessionBytes))
				}
				return s
			})
		}
	})
}

func reportBytes(b *testing.B, live int, fill func() any) {
	before := heapBytes()
	kept := fill()
	after := heapBytes()
	runtime.KeepAlive(kept)
	b.ReportMetric(float64(after-before)/float64(live), "B/session")
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC() // the first may have left something to sweep
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkReaderWait reads as fast as it can while somebody writes: to a store
// in which nothing expires, and then to the same when all of its 1,000,000
// sessions have expired and are swept. On a busy machine the longest wait is that
// for a processor, in both.
func BenchmarkReaderWait(b *testing.B) {
	var late atomic.Int64
	s := New(Options{Limit: -1, Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	before := debug.SetGCPercent(-1)
	for i := range many() {
		mustSave(b, s, session(i, 64))
	}
	debug.SetGCPercent(before)
	for _, c := range []struct {
		name string
		late time.Duration
	}{{"limit", 0}, {"sweeping", 48 * time.Hour}} {
		b.Run(c.name, func(b *testing.B) {
			runtime.GC()
			late.Store(int64(c.late))
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				keepWriting(b, s, c.late, stop)
			}()
			reportWaits(b, s)
			close(stop)
			<-stopped
		})
	}
}

// keepWriting creates and deletes a few sessions, each of which sweeps.
func keepWriting(b *testing.B, s *Store, late time.Duration, stop chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		r := session(-1-i%1000, 64)
		r.Expiry = r.Expiry.Add(late)
		mustSave(b, s, r)
		if _, err := s.Delete(context.Background(), r.ID); err != nil {
			b.Error(err)
		}
	}
}

func reportWaits(b *testing.B, s *Store) {
	waits := make([]time.Duration, 0, 1<<20)
	var ids [1000]string
	for i := range ids {
		ids[i] = session(i, 0).ID
	}
	ctx := b.Context()
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		_, _ = s.Load(ctx, ids[i%len(ids)]) // there, or expired
		waits = append(waits, time.Since(start))
	}
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)*9999/10_000]), "p99.99-ns")
	b.ReportMetric(float64(waits[len(waits)-1]), "max-ns")
}
