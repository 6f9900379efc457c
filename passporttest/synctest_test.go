package passporttest_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// signIn signs a user in by the verbs, with client as the browser.
func signIn(t *testing.T, p *passport.Passport, browser *http.Client) passport.BrowserState {
	t.Helper()
	target, state, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	resp, err := stopAt(browser, "http://localhost/redirect").Get(target)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	back, err := url.Parse(resp.Header.Get("Location"))
	require.NoError(t, err)
	_, state, err = p.FinishLogin(t.Context(), state, back.Query())
	require.NoError(t, err)
	return state
}

// A revocation that the auth domain refuses for five hours is tried again until it
// is done. In a bubble that takes no time: its clock goes on when all wait.
func TestBackOffTakesNoTimeInABubble(t *testing.T) {
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) {
		auth := passporttest.New(passporttest.Options{AutoLogin: true, Issuer: "https://auth.example/"})
		p, err := passport.New(passport.Config{
			ClientID:    passporttest.ClientID,
			AuthDomain:  "https://auth.example",
			RedirectURI: "http://localhost/redirect",
			HTTPClient:  auth.InProcess(), // a socket would stop the clock
		})
		require.NoError(t, err)
		state := signIn(t, p, auth.InProcess())

		lift := auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
		logout, _, err := p.EndBrowserSession(t.Context(), state)
		require.NoError(t, err)
		assert.Equal(t, passport.OutcomePending, logout.Revocation)
		time.Sleep(5 * time.Hour)
		assert.Greater(t, len(auth.Requests("/oauth/revoke")), 3, "tried again, and again")
		assert.Len(t, auth.RefreshTokens(passporttest.Live), 1)

		lift()
		time.Sleep(24 * time.Hour)
		assert.Empty(t, auth.RefreshTokens(passporttest.Live))
		require.NoError(t, p.Close(t.Context())) // every goroutine ends in the bubble
	})
	assert.Less(t, time.Since(begun), 10*time.Second)
}

func TestInProcessAFaultIsAFault(t *testing.T) {
	auth := passporttest.New(passporttest.Options{})
	client := auth.InProcess()
	auth.Inject(passporttest.Fault{Path: "/userinfo", Cut: true, Times: 1})
	_, err := client.Get("http://anywhere/userinfo")
	assert.Error(t, err)

	auth.Inject(passporttest.Fault{Path: "/userinfo", Hang: true, Times: 1})
	client.Timeout = 50 * time.Millisecond
	_, err = client.Get("http://anywhere/userinfo")
	assert.Error(t, err)

	resp, err := client.PostForm("http://anywhere/oauth/token", url.Values{"client_id": {passporttest.ClientID}})
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, body(t, resp), "grant_type")
}
