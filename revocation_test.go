package passport

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/tasks"
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
	rec := storage.Record{Tenant: p.records.Tenant(), Kind: storage.KindSession, ID: p.records.ID(storage.KindSession, records.NewSecret()), Subject: "alice", Expiry: p.expiry(h)}
	rec = p.records.SealSession(rec, h, tokens{RefreshToken: refreshToken}.marshal())
	_, err := p.records.Save(t.Context(), rec)
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
		rec, err := p.records.Load(t.Context(), id)
		require.NoError(t, err)
		s := &Session{p: p, rec: rec}
		done := s.Done(t.Context())
		_, err = p.EndSession(t.Context(), id)
		require.NoError(t, err)
		<-done
	})
}

func TestWhatAnEarlierRunHasLeftIsRevokedByTheNext(t *testing.T) {
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
		_, err = second.Session(t.Context(), Secret(records.NewSecret())) // any use begins it
		require.ErrorIs(t, err, ErrNoSession)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 1, up.calls())
		assert.NoError(t, second.Close(t.Context()))
	})
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
		_, err = second.Session(t.Context(), Secret(records.NewSecret()))
		require.ErrorIs(t, err, ErrNoSession)
		time.Sleep(2 * time.Hour)
		_ = second.Close(t.Context())

		up := &revocations{answer: always(http.StatusOK)}
		c.HTTPClient = &http.Client{Transport: up}
		third, err := New(c)
		require.NoError(t, err)
		_, err = third.Session(t.Context(), Secret(records.NewSecret()))
		require.ErrorIs(t, err, ErrNoSession)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, 1, up.calls())
		require.NoError(t, third.Close(t.Context()))
	})
}

// TestCloseEndsWithItsContext has a refresh under way whose session is logged
// out, so that its token is enqueued after Close has begun, at an auth domain that
// does not answer revocations.
func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := benchPassport(t, func(c *Config) {
			c.RevocationWait = time.Millisecond
			c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path != "/oauth/token" {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				if err := tasks.Pause(r.Context(), 2*time.Second); err != nil {
					return nil, err
				}
				answer := `{"access_token":"a","refresh_token":"new","token_type":"Bearer","expires_in":3600}`
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
					Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
			})}
		})
		id := p.storeSession(t, "old")
		rec, err := p.records.Load(t.Context(), id)
		require.NoError(t, err)
		refreshed := make(chan error, 1)
		go func() {
			_, err := (&Session{p: p, rec: rec}).AccessToken(context.Background())
			refreshed <- err
		}()
		synctest.Wait()
		_, err = p.EndSession(t.Context(), id)
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		assert.ErrorContains(t, p.Close(ctx), "2 refresh tokens could not be revoked")
		assert.Equal(t, 3*time.Second, time.Since(begun))
		assert.ErrorIs(t, <-refreshed, ErrNoSession)
	})
}

type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
