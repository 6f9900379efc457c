package passport

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// revokesAll is an auth domain that does nothing but revoke, at once, unless
// somebody holds it.
type revokesAll struct {
	held    sync.RWMutex
	revoked atomic.Int64
}

func (a *revokesAll) RoundTrip(r *http.Request) (*http.Response, error) {
	a.held.RLock()
	defer a.held.RUnlock()
	a.revoked.Add(1)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// BenchmarkLogoutRequest is the answer to a form, with a 303. The limit parses
// the cookie, deletes from a map and redirects. What a user waits for is
// measured with the revocations held up, and then with them under way on the
// same cores.
func BenchmarkLogoutRequest(b *testing.B) {
	b.Run("limit", func(b *testing.B) {
		var sessions sync.Map
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie("__Host-passport"); err == nil {
				sessions.Delete(c.Value)
			}
			http.Redirect(w, r, "https://auth.immutable.com/v2/logout?client_id=client", http.StatusSeeOther)
		})
		logOutOneByOne(b, h, func() Secret {
			id := Secret(records.NewSecret())
			sessions.Store(id.Reveal(), &benchTokens)
			return id
		}, func() {})
	})
	for _, c := range []struct {
		name string
		hold func(*revokesAll) (release, hold func())
	}{
		{"passport", func(a *revokesAll) (release, hold func()) { a.held.Lock(); return a.held.Unlock, a.held.Lock }},
		{"passport-revoking", func(*revokesAll) (release, hold func()) { return func() {}, func() {} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			auth := &revokesAll{}
			p := benchPassport(b, func(c *Config) { c.HTTPClient = &http.Client{Transport: auth} })
			release, hold := c.hold(auth)
			defer release()
			begun := int64(0)
			logOutOneByOne(b, p.Handler(http.HandlerFunc(p.Logout)), func() Secret {
				begun++
				return benchSession(b, p, "alice", "sid")
			}, func() {
				release()
				require.Eventually(b, func() bool { return auth.revoked.Load() == begun }, 30*time.Second, time.Millisecond,
					"each logout has its token revoked, off the clock")
				hold()
			})
		})
	}
}

// mostObjects is what a logout allocates: its request and the contexts of that, what is
// removed, its ID, its state, and what the response has to say. One more is for the race
// detector.
const mostObjects = 10

// TestALogoutIsAnsweredWithoutTheTokens: to open them, and to copy them, was half of
// what a user waited for.
func TestALogoutIsAnsweredWithoutTheTokens(t *testing.T) {
	auth := &revokesAll{}
	p := benchPassport(t, func(c *Config) { c.HTTPClient = &http.Client{Transport: auth} })
	h := p.Handler(http.HandlerFunc(p.Logout))
	auth.held.Lock() // and with it the revocations, which need the refresh tokens
	t.Cleanup(func() { auth.held.Unlock(); _ = p.Close(context.Background()) })
	logOut := func(n int) (bytes, objects uint64) {
		requests := make([]*http.Request, n)
		for i := range requests {
			requests[i] = httptest.NewRequest("POST", "/logout", nil)
			requests[i].AddCookie(&http.Cookie{Name: "__Host-passport", Value: benchSession(t, p, "alice", "sid").Reveal()})
		}
		w := &recorded{nothing: nothing{header: http.Header{}}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, r := range requests {
			clear(w.header)
			h.ServeHTTP(w, r)
			require.Equal(t, http.StatusSeeOther, w.status)
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / uint64(n), (after.Mallocs - before.Mallocs) / uint64(n)
	}
	logOut(64) // as many goroutines as there may be revoke now
	tokens := len(benchTokens.IDToken) + len(benchTokens.AccessToken)
	bytes, objects := logOut(1000)
	require.Less(t, bytes, uint64(tokens*3/4), "bytes allocated by one logout")
	require.LessOrEqual(t, objects, uint64(mostObjects), "pieces of memory allocated by one logout")
}

// logOutOneByOne begins sessions and waits for what a logout leaves to be done,
// off the clock and a batch at a time.
func logOutOneByOne(b *testing.B, h http.Handler, begin func() Secret, config func()) {
	const batch = 256
	var requests [batch]*http.Request
	w := &recorded{nothing: nothing{header: http.Header{}}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%batch == 0 {
			b.StopTimer()
			if i > 0 {
				config()
			}
			for j := range requests {
				requests[j] = httptest.NewRequest("POST", "/logout", nil)
				requests[j].AddCookie(&http.Cookie{Name: "__Host-passport", Value: begin().Reveal()})
			}
			b.StartTimer()
		}
		clear(w.header)
		h.ServeHTTP(w, requests[i%batch])
	}
	require.Equal(b, http.StatusSeeOther, w.status)
}

type recorded struct {
	nothing
	status int
}

func (r *recorded) WriteHeader(status int) { r.status = status }

// BenchmarkEndSessions ends a user's three sessions, or one by its sid, as a
// program does, with the revocations at an auth domain that answers at once,
// among few and among many others. Users go at random.
func BenchmarkEndSessions(b *testing.B) {
	collect := debug.SetGCPercent(400) // going through a million sessions is not what is measured
	defer debug.SetGCPercent(collect)
	few, many := 999, 999_999
	if testing.Short() {
		many = 9_999
	}
	for _, live := range []struct {
		name string
		n    int
	}{{"few", few}, {"many", many}} {
		p := benchPassport(b, func(c *Config) {
			c.Store = memory.New(memory.Options{Limit: -1})
			c.HTTPClient = &http.Client{Transport: &revokesAll{}}
		})
		users := rand.Perm(live.n / 3)
		begin := func(user int) {
			for i := range 3 {
				sid := fmt.Sprint("sid ", user, " ", i)
				benchSessionOf(b, p, tokens{RefreshToken: benchTokens.RefreshToken}, fmt.Sprint("user ", user), sid)
			}
		}
		for _, user := range users {
			begin(user)
		}
		runtime.GC()
		for name, match := range map[string]func(user int) storage.Match{
			"by_sid":     func(user int) storage.Match { return storage.Match{SID: fmt.Sprint("sid ", user, " 0")} },
			"everywhere": func(user int) storage.Match { return storage.Match{Subject: fmt.Sprint("user ", user)} },
		} {
			b.Run("live="+live.name+"/"+name, func(b *testing.B) { endOneByOne(b, p, users, match, begin) })
		}
		require.NoError(b, p.Close(b.Context()))
	}
}

// endOneByOne puts the sessions back off the clock, a batch of users at a time.
func endOneByOne(b *testing.B, p *Passport, users []int, match func(user int) storage.Match, begin func(user int)) {
	batch := min(len(users)/2, 256)
	restore := func(from, to int) {
		for i := from; i < to; i++ {
			user := users[i%len(users)]
			_, err := p.EndSessions(b.Context(), storage.Match{Subject: fmt.Sprint("user ", user)})
			require.NoError(b, err)
			begin(user)
		}
	}
	b.ReportAllocs()
	i := 0
	for ; b.Loop(); i++ {
		if i%batch == 0 && i > 0 {
			b.StopTimer()
			restore(i-batch, i)
			b.StartTimer()
		}
		l, err := p.EndSessions(b.Context(), match(users[i%len(users)]))
		if err != nil || l.App != OutcomeDone || l.Revocation != OutcomeDone {
			b.Fatal("not ended: ", err, l.App, l.Revocation)
		}
	}
	restore(i-i%batch, i)
}
