package passporttest_test

import (
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/passporttest"
)

// Run with the race detector, this is the test of "safe for concurrent use".
func TestEverythingAtOnce(t *testing.T) {
	client := newReceiver(t, ok)
	auth := start(t, onlyClient(passporttest.Client{
		ID: passporttest.ClientID, AnyLoopback: true, BackChannelLogoutURI: client.URL,
	}))
	const users, rounds = 6, 5

	var everybody sync.WaitGroup
	for range users {
		p := newParty(t, auth)
		everybody.Go(func() {
			for range rounds {
				signInAndOut(t, p)
				lookAround(auth)
			}
		})
	}
	everybody.Wait()

	assert.Empty(t, auth.Sessions())
	assert.Empty(t, auth.Incidents())
	assert.Empty(t, auth.RefreshTokens(passporttest.Live))
	assert.Len(t, auth.RefreshTokens(passporttest.Rotated), users*rounds)
	assert.Len(t, auth.RefreshTokens(passporttest.Revoked), users*rounds)
	assert.Len(t, auth.Deliveries(), users*rounds)
	assert.Equal(t, users*rounds, auth.Logins())
}

// lookAround reads what others are changing, and changes what it was handed.
func lookAround(auth *passporttest.Server) {
	lift := auth.Inject(passporttest.Fault{
		Status: 500,
		If:     func(r passporttest.Request) bool { return r.Form.Has("nothing has this") },
	})
	defer lift()
	for _, s := range auth.Sessions() {
		_ = append(s.ClientIDs, "mine")
	}
	for _, r := range auth.Requests() {
		_ = r.Header.Get("Cookie") + r.Form.Get("grant_type") + r.Query.Get("state")
	}
	_, _, _ = auth.RefreshTokens(), auth.Incidents(), auth.Deliveries()
}

// signInAndOut reports with assert alone, for it is not in the test's goroutine.
func signInAndOut(t *testing.T, p *party) {
	verifier := oauth2.GenerateVerifier()
	resp, err := p.browser.Get(p.config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)))
	if !assert.NoError(t, err) {
		return
	}
	_ = resp.Body.Close()
	target, err := resp.Location()
	if !assert.NoError(t, err) {
		return
	}
	token, err := p.config.Exchange(p.context(), target.Query().Get("code"), oauth2.VerifierOption(verifier))
	if !assert.NoError(t, err) {
		return
	}
	renewed, err := p.refresh(token.RefreshToken)
	if !assert.NoError(t, err) {
		return
	}
	form := url.Values{"client_id": {passporttest.ClientID}, "token": {renewed.RefreshToken}}
	if resp, err = p.auth.Client().PostForm(p.auth.URL+"/oauth/revoke", form); assert.NoError(t, err) {
		_ = resp.Body.Close()
	}
	if resp, err = p.browser.Get(p.logoutURL()); assert.NoError(t, err) {
		_ = resp.Body.Close()
	}
}
