package passport

import (
	"fmt"
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
	err := pause(r.Context(), d.takes)
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
		require.Equal(t, Pending, l.Revocation)
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
// while the debts are held.
func TestADebtThatWaitsTooLongIsClaimedAnew(t *testing.T) {
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

// TestADurableLedgerKeepsWhatIsTooMuchForTheProcess has more debts than a
// process keeps in hand.
func TestADurableLedgerKeepsWhatIsTooMuchForTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &slowDomain{takes: time.Millisecond, revoked: map[string]int{}}
		p := benchPassport(t, func(c *Config) { c.HTTPClient = &http.Client{Transport: d} })
		p.revoker.volatile = false // as if the memory store outlived the process
		var outcomes []<-chan Outcome
		for i := range handful + 50 {
			_, debt, err := p.endSession(t.Context(), p.storeSession(t, Secret(fmt.Sprint("token ", i))), "logout")
			require.NoError(t, err)
			outcome := make(chan Outcome, 1)
			p.revoker.payTo(outcome, []storage.Debt{debt})
			outcomes = append(outcomes, outcome)
		}
		assert.Equal(t, Pending, <-outcomes[handful], "left to the ledger")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Len(t, d.revoked, handful+50, "and revoked all the same")
		require.NoError(t, p.Close(t.Context()))
	})
}
