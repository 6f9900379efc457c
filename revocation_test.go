package passport

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// These tests run in bubbles with a clock of their own (testing/synctest), so
// the auth domain is a function and not a server.

type revocations struct {
	mu     sync.Mutex
	answer func(n int) (status int, header string)
	at     []time.Time
	tokens []string
}

func (v *revocations) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at, v.tokens = append(v.at, time.Now()), append(v.tokens, form.Get("token"))
	status, after := v.answer(len(v.at))
	h := http.Header{}
	if after != "" {
		h.Set("Retry-After", after)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (v *revocations) calls() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.at)
}

// waits returns the pauses between the calls.
func (v *revocations) waits() (pauses []time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := 1; i < len(v.at); i++ {
		pauses = append(pauses, v.at[i].Sub(v.at[i-1]))
	}
	return pauses
}

// bubble runs f with a Passport whose auth domain answers revocations so.
func bubble(t *testing.T, answer func(n int) (int, string), f func(t *testing.T, p *Passport, v *revocations), edit ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &revocations{answer: answer}
		c := Config{ClientID: "client", RedirectURI: "https://app.example.com/", HTTPClient: &http.Client{Transport: v}}
		for _, e := range edit {
			e(&c)
		}
		p, err := New(c)
		require.NoError(t, err)
		f(t, p, v)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
}

// store puts a session with a refresh token in the store and returns its ID.
func (p *Passport) storeSession(t *testing.T, refreshToken Secret) string {
	t.Helper()
	now := p.c.Now()
	h := head{Begun: now.Unix(), Seen: now.Unix(), End: now.Add(p.c.SessionLifetime).Unix()}
	rec := storage.Record{Tenant: p.c.tenant.Name(), Kind: storage.KindSession, ID: p.storeID(storage.KindSession, newID()), Subject: "alice", Expiry: p.expiry(h)}
	rec = envelope.Seal(p.c.keys, rec, h, tokens{RefreshToken: refreshToken}.marshal())
	_, err := p.store.Save(t.Context(), rec)
	require.NoError(t, err)
	return rec.ID
}

func always(status int) func(int) (int, string) { return func(int) (int, string) { return status, "" } }

// failing answers a status until the nth call.
func failing(status, until int, retryAfter string) func(int) (int, string) {
	return func(n int) (int, string) {
		if n < until {
			return status, retryAfter
		}
		return http.StatusOK, ""
	}
}

func TestAFailedRevocationIsTriedAgainWithBackOffUntilItIsDone(t *testing.T) {
	bubble(t, failing(http.StatusServiceUnavailable, 8, ""), func(t *testing.T, p *Passport, v *revocations) {
		l, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
		require.NoError(t, err)
		assert.Equal(t, OutcomePending, l.Revocation)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 8, v.calls())
		for i, wait := range v.waits() {
			full := firstRetry << i
			assert.LessOrEqual(t, wait, full+20*time.Millisecond, "pause %d", i)
			assert.GreaterOrEqual(t, wait, full/2, "pause %d", i)
		}
		time.Sleep(24 * time.Hour)
		assert.Equal(t, 8, v.calls(), "and then no more")
		assert.Equal(t, []string{"rt", "rt", "rt", "rt", "rt", "rt", "rt", "rt"}, v.tokens)
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, retryAfter := range []string{"600", time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC).Format(http.TimeFormat)} { // bubbles begin in 2000
		bubble(t, failing(http.StatusServiceUnavailable, 2, retryAfter), func(t *testing.T, p *Passport, v *revocations) {
			_, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
			require.NoError(t, err)
			time.Sleep(10*time.Minute - time.Second)
			assert.Equal(t, 1, v.calls(), retryAfter)
			time.Sleep(2 * time.Second)
			assert.Equal(t, 2, v.calls(), retryAfter)
		})
	}
}

func TestARevocationIsGivenUpWhenTheAuthDomainSaysSo(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 501} {
		var events []Event
		bubble(t, always(status), func(t *testing.T, p *Passport, v *revocations) {
			l, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
			require.NoError(t, err)
			assert.Equal(t, OutcomeFailed, l.Revocation, status)
			time.Sleep(2 * time.Hour)
			assert.Equal(t, 1, v.calls(), status)
			require.NotEmpty(t, events)
			last := events[len(events)-1]
			assert.Equal(t, EventRevocationFailed, last.Name)
			var why *ProviderError
			require.ErrorAs(t, last.Err, &why)
			assert.Equal(t, status, why.Status)
		}, func(c *Config) { c.OnEvent = func(e Event) { events = append(events, e) } })
	}
}

func TestAConfidentialClientThatIsRefusedTriesAgain(t *testing.T) {
	bubble(t, failing(http.StatusUnauthorized, 3, ""), func(t *testing.T, p *Passport, v *revocations) {
		_, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		assert.Equal(t, 3, v.calls())
	}, func(c *Config) { c.ClientSecret = "about to be replaced" })
}

func TestARevocationIsGivenUpWithAge(t *testing.T) {
	var failed atomic.Int32
	bubble(t, always(http.StatusServiceUnavailable), func(t *testing.T, p *Passport, v *revocations) {
		_, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
		require.NoError(t, err)
		time.Sleep(revocationAge + 2*longestRetry)
		calls := v.calls()
		assert.EqualValues(t, 1, failed.Load())
		time.Sleep(10 * longestRetry)
		assert.Equal(t, calls, v.calls())
	}, func(c *Config) {
		c.OnEvent = func(e Event) {
			if e.Name == "revocation.failed" {
				failed.Add(1)
			}
		}
	})
}

func TestCloseTriesOnceMoreAndSaysWhatIsLost(t *testing.T) {
	bubble(t, failing(http.StatusServiceUnavailable, 2, "3600"), func(t *testing.T, p *Passport, v *revocations) {
		_, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
		require.NoError(t, err)
		assert.NoError(t, p.Close(t.Context()))
		assert.Equal(t, 2, v.calls())
	})
	bubble(t, always(http.StatusServiceUnavailable), func(t *testing.T, p *Passport, _ *revocations) {
		for _, token := range []Secret{"a", "b"} {
			_, err := p.EndSession(t.Context(), p.storeSession(t, token))
			require.NoError(t, err)
		}
		err := p.Close(t.Context())
		require.Error(t, err)
		assert.Contains(t, err.Error(), "2 refresh tokens")
	})
}

func TestCloseStopsEveryGoroutine(t *testing.T) {
	// synctest.Test fails if a goroutine of the bubble is left blocked.
	bubble(t, always(http.StatusServiceUnavailable), func(t *testing.T, p *Passport, _ *revocations) {
		id := p.storeSession(t, "rt")
		rec, err := p.store.Load(t.Context(), id)
		require.NoError(t, err)
		s := &Session{p: p, rec: rec}
		done := s.Done(t.Context())
		_, err = p.EndSession(t.Context(), id)
		require.NoError(t, err)
		<-done
	})
}

func TestWhatAnEarlierRunOwedIsPaidByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		down := &revocations{answer: always(http.StatusServiceUnavailable)}
		c := Config{
			ClientID: "client", RedirectURI: "https://app.example.com/",
			Store: store, EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")}, HTTPClient: &http.Client{Transport: down},
		}
		first, err := New(c)
		require.NoError(t, err)
		_, err = first.EndSession(t.Context(), first.storeSession(t, "rt"))
		require.NoError(t, err)
		_ = first.Close(t.Context())

		up := &revocations{answer: always(http.StatusOK)}
		c.HTTPClient = &http.Client{Transport: up}
		second, err := New(c)
		require.NoError(t, err)
		_, err = second.Session(t.Context(), newID()) // any use begins it
		require.ErrorIs(t, err, ErrNoSession)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 1, up.calls())
		assert.NoError(t, second.Close(t.Context()))
	})
}

func TestAQueueThatDoesNotAnswerDoesNotLoseTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &revocations{answer: failing(http.StatusServiceUnavailable, 3, "")}
		p, err := New(Config{
			ClientID: "client", RedirectURI: "https://app.example.com/",
			Store: noQueue{memory.New(memory.Options{})}, EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")}, HTTPClient: &http.Client{Transport: v},
		})
		require.NoError(t, err)
		p.enqueueToken(storage.Record{Subject: "alice"}, tokens{RefreshToken: "rt"})
		time.Sleep(5 * time.Minute)
		assert.Equal(t, 3, v.calls())
		assert.NoError(t, p.Close(t.Context()))
	})
}

// noQueue is a store whose queue takes nothing.
type noQueue struct{ *memory.Store }

func (noQueue) Enqueue(context.Context, storage.Record, time.Duration) (storage.Revocation, error) {
	return storage.Revocation{}, storage.ErrFull
}

// TestALedgerThatIsDownIsNotAskedAllTheTime has a revocation in hand that is due, and
// that nobody can take from the queue.
func TestAQueueThatIsDownIsNotAskedAllTheTime(t *testing.T) {
	store := &downQueue{Store: memory.New(memory.Options{})}
	bubble(t, failing(http.StatusServiceUnavailable, 2, ""), func(t *testing.T, p *Passport, v *revocations) {
		_, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
		require.NoError(t, err)
		store.down.Store(true)
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, store.asked.Load(), int32(2+10*time.Minute/firstRetry))
		store.down.Store(false)
		time.Sleep(firstRetry)
		synctest.Wait()
		assert.Equal(t, 2, v.calls(), "soon after it is up again")
	}, func(c *Config) {
		c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
	})
}

// downQueue is a store whose queue hands nothing out while it is down.
type downQueue struct {
	*memory.Store
	down  atomic.Bool
	asked atomic.Int32 // meanwhile
}

func (l *downQueue) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	if l.down.Load() {
		l.asked.Add(1)
		return nil, io.ErrUnexpectedEOF
	}
	return l.Store.Claim(ctx, tenant, n, lease)
}

func TestAStoreWithoutAQueueIsGivenOne(t *testing.T) {
	bubble(t, failing(http.StatusServiceUnavailable, 3, ""), func(t *testing.T, p *Passport, v *revocations) {
		l, err := p.EndSession(t.Context(), p.storeSession(t, "rt"))
		require.NoError(t, err)
		assert.Equal(t, OutcomeDone, l.App)
		time.Sleep(time.Minute)
		assert.Equal(t, 3, v.calls())
	}, func(c *Config) {
		c.Store = plainStore{memory.New(memory.Options{})}
		c.EncryptionKeys = [][]byte{[]byte("a key of exactly thirty-two byte")}
	})
}

// plainStore is a store of somebody else's, with the contract and no more.
type plainStore struct{ storage.TokenStore }

func TestARevocationWhoseKeyIsMissingWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		v := &revocations{answer: always(http.StatusServiceUnavailable)}
		c := Config{
			ClientID: "client", RedirectURI: "https://app.example.com/", Store: store,
			EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")}, HTTPClient: &http.Client{Transport: v},
		}
		first, err := New(c)
		require.NoError(t, err)
		_, err = first.EndSession(t.Context(), first.storeSession(t, "rt"))
		require.NoError(t, err)
		_ = first.Close(t.Context())

		other := c
		other.EncryptionKeys = [][]byte{[]byte("another key of thirty-two bytes!")}
		second, err := New(other)
		require.NoError(t, err)
		second.revoker.begin()
		time.Sleep(2 * time.Hour)
		_ = second.Close(t.Context())

		up := &revocations{answer: always(http.StatusOK)}
		c.HTTPClient = &http.Client{Transport: up}
		third, err := New(c)
		require.NoError(t, err)
		third.revoker.begin()
		time.Sleep(2 * time.Hour)
		assert.Equal(t, 1, up.calls())
		require.NoError(t, third.Close(t.Context()))
	})
}

func TestANoticeThatGetsLostIsNoticedAllTheSame(t *testing.T) {
	bubble(t, always(http.StatusOK), func(t *testing.T, p *Passport, _ *revocations) {
		s := &Session{p: p}
		var err error
		s.rec, err = p.store.Load(t.Context(), p.storeSession(t, ""))
		require.NoError(t, err)
		done := s.Done(t.Context())
		synctest.Wait()
		_, err = p.store.Delete(t.Context(), s.rec.ID) // by an instance that nobody hears
		require.NoError(t, err)
		began := time.Now()
		<-done
		assert.LessOrEqual(t, time.Since(began), recheckEvery)
	})
}

func TestDoneClosesWhenASessionExpires(t *testing.T) {
	bubble(t, always(http.StatusOK), func(t *testing.T, p *Passport, _ *revocations) {
		s := &Session{p: p}
		var err error
		s.rec, err = p.store.Load(t.Context(), p.storeSession(t, ""))
		require.NoError(t, err)
		began := time.Now()
		<-s.Done(t.Context())
		assert.InDelta(t, p.c.SessionLifetime, time.Since(began), float64(recheckEvery))
	}, func(c *Config) { c.SessionLifetime, c.IdleTimeout = time.Hour, -1 })
}

func TestAWatchIsForgottenWithItsRequest(t *testing.T) {
	bubble(t, always(http.StatusOK), func(t *testing.T, p *Passport, _ *revocations) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &Session{p: p}
		var err error
		s.rec, err = p.store.Load(t.Context(), p.storeSession(t, ""))
		require.NoError(t, err)
		s.Done(ctx)
		assert.Len(t, p.notices.IDs(), 1)
		cancel()
		synctest.Wait()
		assert.Empty(t, p.notices.IDs())
	})
}
