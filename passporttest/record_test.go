package passporttest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func TestARequestIsRecordedAsItCame(t *testing.T) {
	now := newClock()
	auth := start(t, passporttest.Options{Now: now.Now})
	req, err := http.NewRequest(http.MethodPost, auth.URL+"/oauth/revoke?q=1",
		strings.NewReader(url.Values{"token": {"t"}, "client_id": {passporttest.ClientID}}.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Header", "h")
	resp, err := auth.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	statusOf(t, auth, "/nowhere")

	requests := auth.Requests()
	require.Len(t, requests, 2)
	got := requests[0]
	assert.Equal(t, now.Now(), got.Time)
	assert.Equal(t, http.MethodPost, got.Method)
	assert.Equal(t, "/oauth/revoke", got.Path)
	assert.Equal(t, url.Values{"q": {"1"}}, got.Query)
	assert.Equal(t, url.Values{"token": {"t"}, "client_id": {passporttest.ClientID}}, got.Form)
	assert.Equal(t, "h", got.Header.Get("X-Header"))
	assert.Equal(t, http.StatusOK, got.Status)
	assert.Equal(t, http.StatusNotFound, requests[1].Status)

	assert.Len(t, auth.Requests("/nowhere", "/oauth/revoke"), 2)
	assert.Empty(t, auth.Requests("/oauth/token"))
}

func TestAwaitReturnsAtOnceWhenTheRequestsAreThere(t *testing.T) {
	auth := start(t, passporttest.Options{})
	statusOf(t, auth, keys)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	requests, err := auth.Await(ctx, keys, 1)
	require.NoError(t, err)
	assert.Len(t, requests, 1)
	_, err = auth.Await(ctx, keys, 0)
	assert.NoError(t, err)
}

func TestAwaitGivesUpWithItsContext(t *testing.T) {
	auth := start(t, passporttest.Options{})
	statusOf(t, auth, keys)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	requests, err := auth.Await(ctx, keys, 2)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "passporttest: 1 of 2 requests for "+keys)
	assert.Len(t, requests, 1)
}

func TestAwaitSeesWhatARequestDid(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	for i := range 20 {
		token := p.login().RefreshToken
		revoked := make(chan struct{})
		go func() {
			defer close(revoked)
			resp, err := p.auth.Client().PostForm(p.auth.URL+"/oauth/revoke",
				url.Values{"client_id": {passporttest.ClientID}, "token": {token}})
			if assert.NoError(t, err) {
				_ = resp.Body.Close()
			}
		}()
		await(t, p.auth, "/oauth/revoke", i+1)
		assert.Equal(t, passporttest.Revoked, p.auth.RefreshToken(token).State)
		<-revoked
	}
}

// recordAtAnswer looks at the record in the moment in which the answer leaves.
type recordAtAnswer struct {
	*httptest.ResponseRecorder
	auth *passporttest.AuthDomain
	seen []passporttest.Request
}

func (w *recordAtAnswer) WriteHeader(status int) {
	w.seen = w.auth.Requests()
	w.ResponseRecorder.WriteHeader(status)
}

func TestWhoeverHasTheAnswerFindsItRecorded(t *testing.T) {
	auth := passporttest.New(passporttest.Options{})
	w := &recordAtAnswer{ResponseRecorder: httptest.NewRecorder(), auth: auth}
	auth.ServeHTTP(w, httptest.NewRequest(http.MethodGet, keys, nil))
	require.Len(t, w.seen, 1)
	assert.Equal(t, http.StatusOK, w.seen[0].Status)
}

func TestAwaitServesManyWaiters(t *testing.T) {
	auth := start(t, passporttest.Options{})
	var waiters sync.WaitGroup
	for n := range 10 {
		waiters.Go(func() {
			requests, err := auth.Await(t.Context(), keys, n)
			assert.NoError(t, err)
			assert.GreaterOrEqual(t, len(requests), n)
		})
	}
	for range 10 {
		statusOf(t, auth, keys)
	}
	waiters.Wait()
}

func TestABodyThatIsTooLongIsRefused(t *testing.T) {
	auth := passporttest.New(passporttest.Options{})
	form := url.Values{"token": {strings.Repeat("x", 2<<20)}}
	r := httptest.NewRequest(http.MethodPost, "/oauth/revoke", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	auth.ServeHTTP(w, r)
	assert.Equal(t, http.StatusBadRequest, w.Code)
}
