package passport

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
			id := newID()
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

// logOutOneByOne begins sessions and waits for what a logout leaves to be done,
// off the clock and a batch at a time.
func logOutOneByOne(b *testing.B, h http.Handler, begin func() Secret, settled func()) {
	const batch = 256
	var requests [batch]*http.Request
	w := &recorded{nothing: nothing{header: http.Header{}}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%batch == 0 {
			b.StopTimer()
			if i > 0 {
				settled()
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
