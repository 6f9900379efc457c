package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/stretchr/testify/require"
)

// The limits of what stands here, and our own part, are measured beside the
// code: in the root package and in storage/memory.

// BenchmarkLogoutRequest is the answer to a form that logs out, with a 303.
func BenchmarkLogoutRequest(b *testing.B) {
	b.Run("scs", func(b *testing.B) {
		m, signIn := scsManager()
		h := m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := m.Destroy(r.Context()); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			http.Redirect(w, r, "https://auth.immutable.com/v2/logout?client_id=client", http.StatusSeeOther)
		}))
		const batch = 256
		var requests [batch]*http.Request
		w := &discard{header: http.Header{}}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%batch == 0 {
				b.StopTimer()
				for j := range requests {
					requests[j] = httptest.NewRequest(http.MethodPost, "/logout", nil)
					requests[j].Header.Set("Cookie", cookieFrom(b, signIn))
				}
				b.StartTimer()
			}
			w.reset()
			h.ServeHTTP(w, requests[i%batch])
		}
		require.Equal(b, http.StatusSeeOther, w.status)
	})
}

// BenchmarkLogoutEverywhere ends a user's three sessions, for which scs has to
// look at all that live.
func BenchmarkLogoutEverywhere(b *testing.B) {
	for name, live := range map[string]int{"few": 1000, "many": many(100_000)} {
		b.Run("live="+name+"/scs", func(b *testing.B) {
			m, _ := scsManager()
			begin := func(user string) {
				ctx, err := m.Load(b.Context(), "")
				require.NoError(b, err)
				m.Put(ctx, "user", user)
				m.Put(ctx, "id_token", idToken)
				m.Put(ctx, "access_token", accessToken)
				m.Put(ctx, "refresh_token", refreshToken)
				_, _, err = m.Commit(ctx)
				require.NoError(b, err)
			}
			for i := range live {
				begin(fmt.Sprint("user ", i/3))
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for range 3 {
					begin("alice")
				}
				b.StartTimer()
				require.NoError(b, m.Iterate(b.Context(), func(ctx context.Context) error {
					if m.GetString(ctx, "user") != "alice" {
						return nil
					}
					return m.Destroy(ctx)
				}))
			}
		})
	}
}

// BenchmarkMemory reports the bytes that a session costs. scs has no index.
func BenchmarkMemory(b *testing.B) {
	b.Run("scs", func(b *testing.B) {
		live := many(100_000)
		for b.Loop() {
			before := heapBytes()
			store := memstore.NewWithCleanupInterval(0)
			for range live {
				require.NoError(b, store.Commit(secretID(), make([]byte, 2600), time.Now().Add(time.Hour)))
			}
			b.ReportMetric(float64(heapBytes()-before)/float64(live), "B/session")
			runtime.KeepAlive(store)
		}
	})
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC() // the first may have left something to sweep
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkReaderWait reads as fast as it can while all sessions expire at once
// and are cleaned up, which scs does under one lock.
func BenchmarkReaderWait(b *testing.B) {
	b.Run("scs", func(b *testing.B) {
		for b.Loop() {
			longest := longestWait(b, many(1_000_000), 2*time.Second)
			b.ReportMetric(float64(longest.Nanoseconds()), "max-ns")
		}
	})
}

// longestWait gives sessions a life in which all of them can begin: on a slow
// machine it begins again with a longer one.
func longestWait(b *testing.B, live int, life time.Duration) time.Duration {
	b.Helper()
	const cleanUp = 250 * time.Millisecond
	store := memstore.NewWithCleanupInterval(cleanUp)
	defer store.StopCleanup()
	end := time.Now().Add(life)
	for range live {
		require.NoError(b, store.Commit(secretID(), make([]byte, 64), end))
	}
	if !time.Now().Before(end) {
		return longestWait(b, live, 2*life)
	}
	return longestRead(store, end.Add(2*cleanUp))
}

func longestRead(store scs.Store, end time.Time) (longest time.Duration) {
	for time.Now().Before(end) {
		start := time.Now()
		_, _, _ = store.Find("nobody")
		longest = max(longest, time.Since(start))
	}
	return longest
}

// scsManager is a scs.SessionManager in memory, and what signs somebody in.
func scsManager() (m *scs.SessionManager, signIn http.Handler) {
	m = scs.New()
	m.Store = memstore.NewWithCleanupInterval(0)
	return m, m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m.Put(r.Context(), "id_token", idToken)
		m.Put(r.Context(), "access_token", accessToken)
		m.Put(r.Context(), "refresh_token", refreshToken)
	}))
}

// many is a size that a smoke test need not have.
func many(n int) int {
	if testing.Short() {
		return min(n, 2000)
	}
	return n
}
