package processtest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/redis"
)

// slowProxy stands before a server and delays what it answers.
type slowProxy struct {
	net.Listener
	delay atomic.Int64 // nanoseconds
}

func newSlowProxy(t *testing.T, server string) *slowProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &slowProxy{Listener: l}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, l.Close())
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(ctx, client, server) })
		}
	})
	return p
}

func (p *slowProxy) serve(ctx context.Context, client net.Conn, server string) {
	defer client.Close()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	defer context.AfterFunc(ctx, func() { client.Close(); upstream.Close() })()
	go func() {
		_, _ = io.Copy(upstream, client)
		upstream.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := upstream.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-time.After(time.Duration(p.delay.Load())):
		case <-ctx.Done():
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.String(), text)
}

// A Redis that takes two seconds for everything makes 503s that come quickly, and no
// pile of goroutines; a logout meanwhile is kept, and carried out.
func TestASlowRedisMakesNoPileOfRequests(t *testing.T) {
	proxy := newSlowProxy(t, servers.redis.Addr)
	address := addresses(t)["redis"]
	auth := authDomain(t, 0)
	stays, leaves := passport.Secret(signIn(t, auth, address)), passport.Secret(signIn(t, auth, address))
	client := goredis.NewClient(&goredis.Options{Addr: proxy.Addr().String(), ContextTimeoutEnabled: true})
	store, err := redis.New(client, redis.Options{})
	require.NoError(t, err)
	var log syncBuffer
	c := config(auth.URL)
	c.Store, c.HTTPClient = store, auth.Client()
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	p, err := passport.New(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, p.Close(context.Background()))
		assert.NoError(t, client.Close())
	})
	h := p.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	ask := func() (status int, took time.Duration) {
		began := time.Now()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: "passport", Value: stays.Reveal()})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, time.Since(began)
	}
	status, _ := ask()
	require.Equal(t, http.StatusNoContent, status)
	leaver, err := p.Session(t.Context(), leaves)
	require.NoError(t, err)

	proxy.delay.Store(int64(2 * time.Second))
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for range 3 {
		for range 300 {
			all.Go(func() {
				status, _ := ask()
				assert.Equal(t, http.StatusServiceUnavailable, status)
			})
		}
		time.Sleep(time.Second)
		assert.Less(t, runtime.NumGoroutine()-before, 1200)
	}
	all.Wait()
	assert.Equal(t, 1, log.count("the store does not answer in time"))

	l, err := p.EndSession(t.Context(), leaver.ID())
	if err != nil { // else it was the one that finds out, and was waited for
		assert.ErrorIs(t, err, passport.ErrStoreUnavailable)
		assert.Equal(t, passport.OutcomeFailed, l.App)
	}
	proxy.delay.Store(0)
	require.Eventually(t, func() bool { status, _ := ask(); return status == http.StatusNoContent }, 30*time.Second, 50*time.Millisecond)
	assert.Equal(t, 1, log.count("the store answers again"))
	direct := opened(t, address)
	require.Eventually(t, func() bool {
		_, err := direct.Load(t.Context(), leaver.ID())
		return err != nil
	}, 30*time.Second, 50*time.Millisecond, "the logout was kept")
}
