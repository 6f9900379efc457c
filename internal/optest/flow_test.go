package optest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// flows are what a user goes through at each provider.
var flows = map[string]func(*testing.T, start){
	"an access token near its end is refreshed once": refreshOnce,
	"a callback that is loaded again does no harm":   reloadCallback,
	"a dead refresh token ends the session":          deadRefreshToken,
	"a confidential client":                          confidentialClient,
	"a login by a code":                              deviceLogin,

	"a logout by redirect":                               redirectLogout,
	"a silent logout is unconfirmed":                     silentLogout,
	"the state is checked on return":                     checkState,
	"a logout without a way back":                        unregisteredReturn,
	"a logout revokes the refresh token":                 revocation,
	"a logout revokes the refresh token of the last use": revocationAfterRefresh,

	"a logout at the provider ends the sessions on all instances": backChannel,
	"a logout at the provider overtakes a login":                  overtakenLogin,
}

// nearEnd is when an access token, which both providers let live for five
// minutes, has to be refreshed.
const nearEnd = 4*time.Minute + 45*time.Second

func refreshOnce(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	first := s.one.wire.last().Refresh
	require.NotEmpty(t, first)
	require.Equal(t, "ok", b.open(s.one.url+"/token").body)
	require.Zero(t, s.one.wire.refreshes(), "it is good for some time yet")

	for round := 1; round <= 2; round++ {
		s.one.ahead.Add(int64(nearEnd))
		s.one.asking.Store(0)
		held := s.one.wire.holdTokens(t)
		var all sync.WaitGroup
		const many = 8
		for range many {
			all.Go(func() {
				res, err := b.client.Get(s.one.url + "/token")
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, res.StatusCode)
					assert.NoError(t, res.Body.Close())
				}
			})
		}
		held.wait(t)
		require.Eventually(t, func() bool { return s.one.asking.Load() == many }, patience, 10*time.Millisecond)
		held.release()
		all.Wait()
		assert.Equal(t, round, s.one.wire.refreshes(), "however many ask")
	}
	assert.NotEqual(t, first, s.one.wire.last().Refresh, "rotated")
	assert.Equal(t, "alice alice@example.com", b.open(s.one.url+"/").body)
}

// Providers take a code that comes twice for stolen, and kill its tokens.
func reloadCallback(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := newBrowser(t, "alice")
	callback := b.upToCallback(s.one.url)

	for range 3 {
		assert.Equal(t, "alice alice@example.com", b.open(callback).body)
	}
	assert.Equal(t, 1, s.one.wire.exchanges())
	s.one.ahead.Store(int64(nearEnd))
	assert.Equal(t, "ok", b.open(s.one.url+"/token").body)
	assert.Equal(t, 1, s.one.wire.refreshes(), "the refresh token lives")
}

// Whatever a provider answers to a refresh token that is dead, the session is
// over, and the user can still log out of the provider.
func deadRefreshToken(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	status, answer := s.ask(s.revocation, url.Values{"token": {s.one.wire.last().Refresh}})
	require.Equal(t, http.StatusOK, status, answer)

	s.one.ahead.Store(int64(nearEnd))
	assert.NotEqual(t, "ok", b.open(s.one.url+"/token").body)
	assert.Equal(t, nobody, b.open(s.one.url+"/").body)
	assert.Equal(t, 1, s.one.count("session.lost"))
	assert.Contains(t, b.leave(http.MethodPost, s.one.url+"/logout"), s.provider.issuer)
}

// A secret with characters that have to be encoded (RFC 6749 §2.3.1) works for
// the code, the refresh and the revocation.
func confidentialClient(t *testing.T, start start) {
	s := newSite(t, start, setup{secret: "s3cret: 100% + /=&?~"})
	b := signedIn(t, s.one.url, "alice")
	s.one.ahead.Store(int64(nearEnd))
	require.Equal(t, "ok", b.open(s.one.url+"/token").body)
	assert.Equal(t, 1, s.one.wire.refreshes())
	b.leave(http.MethodPost, s.one.url+"/logout")
	s.one.await("revocation.done")
}

// A user without a browser at hand signs in by a code, in a browser elsewhere. A
// logout at the provider finds that session, too.
func deviceLogin(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := newBrowser(t, "alice")
	d, err := s.one.BeginDeviceLogin(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, d.UserCode)
	s.provider.allow(b, d.VerificationURIComplete)

	in, err := s.one.FinishDeviceLogin(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, "alice", in.Session.Subject())
	assert.Equal(t, 1, b.asked)

	s.provider.signOut(b)
	_, err = s.one.Session(t.Context(), in.SessionID)
	assert.ErrorIs(t, err, passport.ErrNoSession)
}

// The user comes back from a logout, and the provider does not know them any
// more.
func redirectLogout(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	hint := s.one.wire.last().ID
	if s.provider.remembers {
		b.signIn(s.two.url)
		require.Equal(t, 1, b.asked, "before the logout the provider asks for no password")
	}

	back := b.answer(b.post(s.one.url+"/logout", nil), "logout", "yes")

	assert.Equal(t, s.one.url, origin(back.url))
	assert.Equal(t, nobody, back.body)
	sent := b.wentWith("id_token_hint")
	require.NotNil(t, sent, "the browser was at the provider")
	assert.Equal(t, s.provider.issuer, origin(sent))
	assert.Equal(t, hint, sent.Query().Get("id_token_hint"))
	assert.Equal(t, clientID, sent.Query().Get("client_id"))
	assert.Equal(t, s.one.url+"/", sent.Query().Get("post_logout_redirect_uri"))
	assert.NotEmpty(t, sent.Query().Get("state"))
	assert.Equal(t, sent.Query().Get("state"), back.url.Query().Get("state"), "it comes back as it was sent")
	assert.Equal(t, 1, s.one.count("passport.returned"))

	home := b.signIn(s.one.url)
	assert.Equal(t, "alice alice@example.com", home.body)
	assert.Equal(t, 2, b.asked, "after the logout the provider asks again")
}

// In a hidden iframe a provider may ask where nobody sees it, and one that sends
// the browser back may have ended nothing. Nobody is signed straight back in.
func silentLogout(t *testing.T, start start) {
	s := newSite(t, start, setup{config: silent})
	b := signedIn(t, s.one.url, "alice")

	l := b.fetchLogout(s.one.url)
	assert.Equal(t, passport.LogoutSilent, l.Mode)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomePending, l.Passport)
	framed := b.frame(l.URL)

	if s.provider.asks {
		assert.Equal(t, s.provider.issuer, origin(framed.url), "it does not come back")
		assert.NotNil(t, framed.form, "it asks")
	} else {
		assert.Equal(t, s.one.url, origin(framed.url))
		assert.Contains(t, framed.body, `data-passport="unconfirmed"`)
	}
	assert.Zero(t, s.one.count("passport.done"))
	assert.Equal(t, nobody, b.open(s.one.url+"/").body)
	assert.Contains(t, b.open(s.one.url+"/unfinished").body, s.provider.issuer, "there is an address that finishes it")
	if s.provider.remembers {
		b.signIn(s.two.url)
		require.Equal(t, 1, b.asked, "the provider's session is alive")
	}

	s.one.ahead.Add(int64(2 * time.Second)) // the provider's times are whole seconds
	home := b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked, "the login asks for credentials all the same")
	assert.Equal(t, "alice alice@example.com", home.body)
	assert.NotEmpty(t, s.one.wire.last().Refresh, "and for consent still, so that there is a refresh token")
	assert.Equal(t, http.StatusNotFound, b.open(s.one.url+"/unfinished").status)
}

func silent(c *passport.Config) {
	c.LogoutMode = passport.LogoutSilent
	c.LogoutRedirectURI += "silent-logout"
}

// A visit to LogoutRedirectURI is the return from a logout only with the state
// of that logout.
func checkState(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	away := b.leave(http.MethodPost, s.one.url+"/logout")
	sent, err := url.Parse(away)
	require.NoError(t, err)
	state := sent.Query().Get("state")
	require.NotEmpty(t, state)

	b.open(s.one.url + "/")
	b.open(s.one.url + "/?state=")
	b.open(s.one.url + "/?state=forged")
	newBrowser(t, "mallory").open(s.one.url + "/?" + url.Values{"state": {state}}.Encode())
	assert.Zero(t, s.one.count("passport.returned"))

	b.answer(b.open(away), "logout", "yes")
	assert.Equal(t, 1, s.one.count("passport.returned"))
}

// A provider that does not know LogoutRedirectURI ends nothing, and leaves the
// user on a page of its own. The app's session is gone, and the next login asks
// for credentials.
func unregisteredReturn(t *testing.T, start start) {
	s := newSite(t, start, setup{config: func(c *passport.Config) { c.LogoutRedirectURI += "unknown" }})
	b := signedIn(t, s.one.url, "alice")

	stranded := b.answer(b.post(s.one.url+"/logout", nil), "logout", "yes")
	require.Equal(t, s.provider.issuer, origin(stranded.url))
	require.Equal(t, http.StatusBadRequest, stranded.status)

	assert.Equal(t, nobody, b.open(s.one.url+"/").body)
	s.one.await("revocation.done")
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked)
}

// The refresh token dies although the browser never gets to the provider; one
// that nobody has logged out lives on.
func revocation(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	revoked := s.one.wire.last().Refresh
	signedIn(t, s.two.url, "alice")
	kept := s.two.wire.last().Refresh

	b.leave(http.MethodPost, s.one.url+"/logout")
	s.one.await("revocation.done")

	status, answer := s.refresh(revoked)
	assert.Equal(t, http.StatusBadRequest, status, answer)
	status, answer = s.refresh(kept)
	assert.Equal(t, http.StatusOK, status, answer)
}

func revocationAfterRefresh(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	for round := 1; round <= 2; round++ {
		s.one.ahead.Add(int64(nearEnd))
		require.Equal(t, "ok", b.open(s.one.url+"/token").body)
		require.Equal(t, round, s.one.wire.refreshes(), "the refresh token works")
	}

	b.leave(http.MethodPost, s.one.url+"/logout")
	s.one.await("revocation.done")

	status, answer := s.refresh(s.one.wire.last().Refresh)
	assert.Equal(t, http.StatusBadRequest, status, answer)
}

// The provider tells one instance. Sessions, and streams that are open, end on
// all of them, for that user alone, once a token.
func backChannel(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	alice := signedIn(t, s.one.url, "alice")
	alice.signIn(s.two.url)
	bob := signedIn(t, s.one.url, "bob")
	idToken := s.one.wire.last().ID
	streaming := alice.listen(s.one.url + "/stream")

	s.provider.signOut(alice)

	assert.Equal(t, nobody, alice.open(s.one.url+"/").body)
	assert.Equal(t, nobody, alice.open(s.two.url+"/").body)
	assert.Equal(t, "bob bob@example.com", bob.open(s.one.url+"/").body)
	assert.Equal(t, "ended", streaming())
	tokens, answers := s.one.logoutTokens()
	require.Len(t, tokens, 1)
	assert.Equal(t, []int{http.StatusOK}, answers)

	alice.signIn(s.one.url)
	for _, in := range []*instance{s.one, s.two} {
		replayed := bob.post(in.url+"/back-channel", url.Values{"logout_token": tokens})
		assert.Equal(t, http.StatusBadRequest, replayed.status, "it was used")
	}
	assert.Equal(t, "alice alice@example.com", alice.open(s.one.url+"/").body, "the next session is another matter")

	forged := alice.post(s.one.url+"/back-channel", url.Values{"logout_token": {idToken}})
	assert.Equal(t, http.StatusBadRequest, forged.status, "an ID token is no logout token")
	assert.Equal(t, "bob bob@example.com", bob.open(s.one.url+"/").body)
}

// The user is logged out at the provider while the app is waiting for the tokens
// of their login: there is no session, and the tokens that come are revoked.
func overtakenLogin(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := newBrowser(t, "alice")
	callback := b.upToCallback(s.one.url)
	held := s.one.wire.holdTokens(t)
	finished := make(chan int, 1)
	go func() {
		res, err := b.client.Get(callback)
		if assert.NoError(t, err) {
			finished <- res.StatusCode
			_ = res.Body.Close()
		}
		close(finished)
	}()
	held.wait(t)
	s.provider.signOut(b.tab())
	held.release()

	assert.Equal(t, http.StatusBadRequest, <-finished)
	assert.Equal(t, nobody, b.open(s.one.url+"/").body)
	s.one.await("revocation.done")
	status, answer := s.refresh(s.one.wire.last().Refresh)
	assert.Equal(t, http.StatusBadRequest, status, answer)
}

// listen opens a stream, and returns what waits for its end and says how it was.
func (b *browser) listen(address string) func() string {
	b.t.Helper()
	res, err := b.client.Get(address)
	require.NoError(b.t, err)
	body := bufio.NewReader(res.Body)
	begun, err := body.ReadString(' ')
	require.NoError(b.t, err)
	require.Equal(b.t, "begun ", begun)
	b.t.Cleanup(func() { _ = res.Body.Close() })
	return func() string {
		var rest strings.Builder
		_, err := body.WriteTo(&rest)
		assert.NoError(b.t, err)
		return rest.String()
	}
}

// fetchLogout logs out as passport.js does.
func (b *browser) fetchLogout(app string) passport.Logout {
	b.t.Helper()
	p := b.fetch(app + "/logout")
	require.Equal(b.t, http.StatusOK, p.status, p.body)
	var l passport.Logout
	require.NoError(b.t, json.Unmarshal([]byte(p.body), &l))
	return l
}
