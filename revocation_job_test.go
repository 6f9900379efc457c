package passport

import (
	"context"
	"fmt"
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

	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

// slowDomain is an auth domain that takes its time over each revocation, or
// until the client has had enough.
type slowDomain struct {
	takes time.Duration

	mu       sync.Mutex
	underWay int
	most     int
	revoked  map[string]int // how often, by token
}

func (d *slowDomain) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	d.mu.Lock()
	d.underWay++
	d.most = max(d.most, d.underWay)
	d.mu.Unlock()
	err := tasks.Pause(r.Context(), d.takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underWay--
	if err != nil {
		return nil, err
	}
	d.revoked[form.Get("token")]++
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// logOutMany ends sessions without waiting for their revocation, lets the clock
// go on, and returns how often each token was revoked.
func logOutMany(t *testing.T, sessions int, d *slowDomain, then time.Duration) map[string]int {
	d.revoked = map[string]int{}
	p := benchPassport(t, func(c *Config) {
		c.HTTPClient, c.RevocationWait = &http.Client{Transport: d}, time.Millisecond
	})
	for i := range sessions {
		l, err := p.EndSession(t.Context(), p.storeSession(t, Secret(fmt.Sprint("token ", i))))
		require.NoError(t, err)
		require.Equal(t, OutcomePending, l.Revocation)
	}
	time.Sleep(then)
	synctest.Wait()
	require.NoError(t, p.Close(t.Context()))
	return d.revoked
}

func TestManyLogoutsDoNotOverrunTheAuthDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &slowDomain{takes: time.Second}
		revoked := logOutMany(t, 300, d, 15*time.Second)
		assert.Equal(t, revocationsAtOnce, d.most)
		assert.Len(t, revoked, 300)
		for token, times := range revoked {
			assert.Equal(t, 1, times, token)
		}
	})
}

// TestADebtThatWaitsTooLongIsClaimedAnew has more to revoke than can be done
// while the revocations are held.
func TestARevocationThatWaitsTooLongIsClaimedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &slowDomain{takes: 9 * time.Second}
		revoked := logOutMany(t, 10*revocationsAtOnce, d, 10*time.Minute)
		assert.LessOrEqual(t, d.most, revocationsAtOnce)
		assert.Len(t, revoked, 10*revocationsAtOnce)
		for token, times := range revoked {
			assert.Equal(t, 1, times, token)
		}
	})
}

// TestADurableLedgerKeepsWhatIsTooMuchForTheProcess has more revocations than may
// wait in a process.
func TestADurableQueueKeepsWhatIsTooMuchForTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &slowDomain{takes: time.Millisecond, revoked: map[string]int{}}
		p := benchPassport(t, func(c *Config) { c.HTTPClient = &http.Client{Transport: d} })
		p.revoker.volatile = false // as if the memory store outlived the process
		var outcomes []<-chan Outcome
		for i := range longestQueue + 50 {
			_, revocation, err := p.endSession(t.Context(), p.storeSession(t, Secret(fmt.Sprint("token ", i))), "logout")
			require.NoError(t, err)
			outcome := make(chan Outcome, 1)
			p.revoker.revokeTo(outcome, []storage.Revocation{revocation}, p.c.Now().Add(patience))
			outcomes = append(outcomes, outcome)
		}
		assert.Equal(t, OutcomePending, <-outcomes[longestQueue+49], "left to the queue")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Len(t, d.revoked, longestQueue+50, "and revoked all the same")
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestDebtsThatWaitForTheirTimeKeepNoOtherFromBeingPaid has as many postponed
// revocations as a process keeps in hand.
func TestRevocationsThatWaitForTheirTimeKeepNoOtherFromBeingPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &revocations{answer: failing(http.StatusServiceUnavailable, mostTracked+1, "86400")}
		p := benchPassport(t, func(c *Config) { c.HTTPClient = &http.Client{Transport: v} })
		p.revoker.volatile = false // as if the memory store outlived the process
		for i := range mostTracked {
			_, err := p.EndSession(t.Context(), p.storeSession(t, Secret(fmt.Sprint("old ", i))))
			require.NoError(t, err)
		}
		l, err := p.EndSession(t.Context(), p.storeSession(t, "new"))
		require.NoError(t, err)
		assert.Equal(t, OutcomeDone, l.Revocation)
		require.NoError(t, p.Close(t.Context()))
	})
}

// onceWell fails revocations until it is told that the auth domain is well, and
// refreshes slowly.
type onceWell struct {
	slowDomain
	well atomic.Bool
}

func (d *onceWell) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.well.Load() {
		return d.slowDomain.RoundTrip(r)
	}
	_, _ = io.ReadAll(r.Body)
	h := http.Header{"Retry-After": {"3600"}}
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: h, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func TestCloseGoesOnUntilItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &onceWell{slowDomain: slowDomain{takes: time.Second, revoked: map[string]int{}}}
		p := benchPassport(t, func(c *Config) { c.HTTPClient = &http.Client{Transport: d} })
		const revocations = 100 * revocationsAtOnce
		for i := range revocations {
			_, err := p.EndSession(t.Context(), p.storeSession(t, Secret(fmt.Sprint("token ", i))))
			require.NoError(t, err)
		}
		d.well.Store(true)
		begun := time.Now()
		require.NoError(t, p.Close(t.Context()))
		assert.Len(t, d.revoked, revocations)
		assert.Equal(t, 100*time.Second, time.Since(begun))
	})
}

// TestCloseWaitsForWhatWaitsAlready begins while more is under way than can be
// done while the revocations are held.
func TestCloseWaitsForWhatWaitsAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &slowDomain{takes: time.Second, revoked: map[string]int{}}
		p := benchPassport(t, func(c *Config) {
			c.HTTPClient, c.RevocationWait = &http.Client{Transport: d}, time.Millisecond
		})
		const revocations = 100 * revocationsAtOnce
		for i := range revocations {
			_, err := p.EndSession(t.Context(), p.storeSession(t, Secret(fmt.Sprint("token ", i))))
			require.NoError(t, err)
		}
		require.NoError(t, p.Close(t.Context()))
		assert.Len(t, d.revoked, revocations)
		for token, times := range d.revoked {
			assert.Equal(t, 1, times, token)
		}
	})
}

// TestCloseEndsWithItsContext has a refresh under way whose session is logged
// out, so that its token is owed a revocation when Close has begun, at an auth
// domain that does not answer that.
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
		rec, err := p.store.Load(t.Context(), id)
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
