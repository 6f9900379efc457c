package passport

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// slowStore takes its time, and counts who waits.
type slowStore struct {
	*memory.Store
	delay         atomic.Int64 // nanoseconds
	waiting, most atomic.Int64
}

func (s *slowStore) wait(ctx context.Context) error {
	n := s.waiting.Add(1)
	defer s.waiting.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	select {
	case <-time.After(time.Duration(s.delay.Load())):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowStore) Load(ctx context.Context, id string) (storage.Record, error) {
	if err := s.wait(ctx); err != nil {
		return storage.Record{}, err
	}
	return s.Store.Load(ctx, id)
}

func (s *slowStore) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	if err := s.wait(ctx); err != nil {
		return storage.Revocation{}, err
	}
	return s.Store.DeleteAndEnqueue(ctx, id, lease)
}

// A store that takes two seconds makes 503s, quickly, and no pile of requests; and a
// logout in that time is carried out as soon as it can be.
func TestASlowStoreMakesNoPileOfRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store := &slowStore{Store: memory.New(memory.Options{})}
		p := benchPassport(t, func(c *Config) {
			c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
			c.HTTPClient = &http.Client{Transport: &revokesAll{}}
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		stays, leaves := benchSession(t, p, "alice", "sid"), benchSession(t, p, "bob", "another sid")
		h := p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/logout" {
				p.Logout(w, r)
			}
		}))
		ask := func(method, path string, secret Secret) (status int, took time.Duration) {
			began := time.Now()
			r := httptest.NewRequest(method, path, nil)
			r.AddCookie(&http.Cookie{Name: p.http.session, Value: secret.Reveal()})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code, time.Since(began)
		}
		status, _ := ask(http.MethodGet, "/", stays)
		require.Equal(t, http.StatusOK, status)

		store.delay.Store(int64(2 * time.Second))
		var all sync.WaitGroup
		for range 5 {
			for range 2 * circuit.MaxInFlight {
				all.Go(func() {
					status, took := ask(http.MethodGet, "/", stays)
					assert.Equal(t, http.StatusServiceUnavailable, status)
					assert.LessOrEqual(t, took, records.RequestTimeout)
				})
			}
			time.Sleep(time.Second)
		}
		all.Wait()
		assert.LessOrEqual(t, store.most.Load(), int64(circuit.MaxInFlight))
		all.Go(func() { ask(http.MethodGet, "/", stays) }) // the one that finds out
		synctest.Wait()
		_, took := ask(http.MethodGet, "/", stays)
		assert.Zero(t, took, "nobody waits for a store that is known not to answer")

		id := p.records.SessionID(leaves.Reveal())
		status, took = ask(http.MethodPost, "/logout", leaves)
		assert.Equal(t, http.StatusServiceUnavailable, status, "and the page says how to go on")
		assert.Zero(t, took)
		_, err := store.Store.Load(t.Context(), id)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		_, err = store.Store.Load(t.Context(), id)
		assert.ErrorIs(t, err, storage.ErrNotFound, "what was kept does not ask the circuit")

		store.delay.Store(0)
		time.Sleep(2 * time.Second)
		status, _ = ask(http.MethodGet, "/", stays)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, 1, strings.Count(log.String(), "the store does not answer in time"))
		assert.Equal(t, 1, strings.Count(log.String(), "the store answers again"))
		require.NoError(t, p.Close(t.Context()))
	})
}

// A logout that is kept does not wait for the end of its back-off when the store is
// up again.
func TestALogoutIsCarriedOutWhenTheStoreAnswersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{Store: memory.New(memory.Options{})}
		p := benchPassport(t, func(c *Config) {
			c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
			c.HTTPClient = &http.Client{Transport: &revokesAll{}}
		})
		stays, leaves := benchSession(t, p, "alice", "sid"), benchSession(t, p, "bob", "another sid")
		store.delay.Store(int64(time.Hour))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { _, _ = p.Session(t.Context(), stays) })
		}
		all.Wait()
		l, _, err := p.EndBrowserSession(t.Context(), BrowserState{Session: leaves})
		require.ErrorIs(t, err, ErrStoreUnavailable)
		assert.ErrorIs(t, err, circuit.ErrOpen)
		assert.Equal(t, OutcomeFailed, l.App)
		time.Sleep(10 * time.Minute) // by now it is tried once a minute
		for store.waiting.Load() == 0 {
			time.Sleep(time.Second)
		}
		for store.waiting.Load() > 0 {
			time.Sleep(time.Second)
		}

		store.delay.Store(0) // a try has just failed
		_, err = p.Session(t.Context(), stays)
		require.NoError(t, err)
		synctest.Wait()
		_, err = store.Store.Load(t.Context(), p.records.SessionID(leaves.Reveal()))
		assert.ErrorIs(t, err, storage.ErrNotFound)
		require.NoError(t, p.Close(t.Context()))
	})
}

func TestTheBeginningOfALoginWaitsForNoStoreBeyondItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{Store: memory.New(memory.Options{})}
		p := benchPassport(t, func(c *Config) {
			c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
		})
		store.delay.Store(int64(time.Hour))
		began := time.Now()
		_, _, err := p.BeginLogin(t.Context(), BrowserState{Logout: p.newLogoutState("some sid")}, LoginOptions{})
		assert.LessOrEqual(t, time.Since(began), beginTimeout, err)
	})
}
