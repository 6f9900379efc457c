package passport_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// stale is a site with a signed-in browser whose access token has run out.
func stale(t *testing.T, edit ...func(*passport.Config)) (*site, *browser) {
	t.Helper()
	s := newSite(t, edit...)
	b := s.signedIn()
	s.clock.add(24*time.Hour - expiryMargin)
	return s, b
}

const expiryMargin = 30 * time.Second

// refreshUnderWay has a refresh done at the auth domain, whose answer arrives
// once lift is called.
func (s *site) refreshUnderWay(ctx context.Context, session *passport.Session) (lift func(), result <-chan error) {
	s.t.Helper()
	lift = s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Hang: true})
	done := make(chan error, 1)
	go func() {
		_, err := session.AccessToken(ctx)
		done <- err
	}()
	_, err := s.auth.Await(s.t.Context(), "/oauth/token", 2) // the login's and the refresh
	require.NoError(s.t, err)
	return lift, done
}

func (s *site) refreshes() int {
	n := 0
	for _, r := range s.auth.Requests("/oauth/token") {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

func TestATokenIsRefreshedThirtySecondsEarlyAndNotBefore(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	first, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	s.clock.add(24*time.Hour - expiryMargin - time.Second)
	same, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first.Reveal(), same.Reveal())
	s.clock.add(time.Second)
	renewed, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, first.Reveal(), renewed.Reveal())
	assert.Equal(t, 1, s.refreshes())
}

func TestHoweverManyAskATokenIsRefreshedOnce(t *testing.T) {
	s, b := stale(t)
	var wg sync.WaitGroup
	got := make(chan string, 200)
	for range cap(got) {
		session := b.session()
		wg.Go(func() {
			token, err := session.AccessToken(t.Context())
			assert.NoError(t, err)
			got <- token.Reveal()
		})
	}
	wg.Wait()
	close(got)
	distinct := map[string]bool{}
	for token := range got {
		distinct[token] = true
	}
	assert.Len(t, distinct, 1)
	assert.Equal(t, 1, s.refreshes())
	assert.Empty(t, s.auth.Incidents())
}

func TestInstancesThatShareAStoreRefreshOnce(t *testing.T) {
	store := memory.New(memory.Options{})
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	secret := passport.Secret(b.cookie("passport"))
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Delay: 100 * time.Millisecond})
	var wg sync.WaitGroup
	for range 8 {
		c := s.config()
		c.Store, c.EncryptionKeys = store, someKey()
		instance := newPassport(t, c)
		wg.Go(func() {
			session, err := instance.Session(t.Context(), secret)
			if !assert.NoError(t, err) {
				return
			}
			_, err = session.AccessToken(t.Context())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 1, s.refreshes())
	assert.Empty(t, s.auth.Incidents(), "the auth domain saw no reuse")
}

func TestTheRotatedTokenIsStoredBeforeTheAccessTokenIsHandedOut(t *testing.T) {
	s, b := stale(t)
	_, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	s.clock.add(24 * time.Hour)
	_, err = b.session().AccessToken(t.Context()) // by the rotated token, from the store
	require.NoError(t, err)
	assert.Equal(t, 2, s.refreshes())
	assert.Empty(t, s.auth.Incidents())
}

func TestABrowserThatGoesAwayDoesNotLoseTheRotatedToken(t *testing.T) {
	s, b := stale(t)
	s.clock.add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	lift, result := s.refreshUnderWay(ctx, b.session())
	cancel()
	assert.ErrorIs(t, <-result, context.Canceled)
	lift()

	_, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, s.refreshes(), "the next request gets what the first one asked for")
	assert.Empty(t, s.auth.Incidents())
}

func TestAPassingFailureKeepsTheSession(t *testing.T) {
	for name, fault := range map[string]passporttest.Fault{
		"500":        {Status: 500},
		"503":        {Status: 503},
		"429":        {Status: 429, Error: "too_many_requests"},
		"cut":        {Cut: true},
		"not JSON":   {Status: 200, Body: "<html>"},
		"bad secret": {Error: "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := stale(t)
			s.clock.add(time.Hour)
			fault.Path = "/oauth/token"
			lift := s.auth.Inject(fault)
			_, err := b.session().AccessToken(t.Context())
			require.Error(t, err)
			assert.NotErrorIs(t, err, passport.ErrNoSession)
			assert.NotEqual(t, "nobody", b.get("/").body)
			assert.Len(t, s.events.named("refresh.failed"), 1)
			lift()
			_, err = b.session().AccessToken(t.Context())
			assert.NoError(t, err)
		})
	}
}

func TestATokenInItsLastSecondsTidesOverAPassingFailure(t *testing.T) {
	s, b := stale(t)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: 500})
	_, err := b.session().AccessToken(t.Context())
	assert.NoError(t, err)
	s.clock.add(expiryMargin)
	_, err = b.session().AccessToken(t.Context())
	assert.Error(t, err)
}

func TestADeadRefreshTokenEndsTheSession(t *testing.T) {
	for name, fault := range map[string]passporttest.Fault{
		"invalid_grant":                     {Error: "invalid_grant"},
		"invalid_request":                   {Error: "invalid_request"},
		"400 without a word":                {Status: 400},
		"invalid_grant with Auth0's status": {Error: "invalid_grant", Status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := stale(t)
			done := b.session().Done(t.Context())
			fault.Path = "/oauth/token"
			s.auth.Inject(fault)
			_, err := b.session().AccessToken(t.Context())
			assert.ErrorIs(t, err, passport.ErrNoSession)
			assert.Equal(t, "nobody", b.get("/").body)
			waitFor(t, done)
			lost := s.events.named("session.lost")
			require.Len(t, lost, 1)
			var why *passport.ProviderError
			assert.ErrorAs(t, lost[0].Err, &why, "the event says why")
			assert.Equal(t, passporttest.DefaultUser().Subject, lost[0].Subject)
		})
	}
}

func TestARefreshThatEndsAfterTheLogoutBringsNothingBack(t *testing.T) {
	s, b := stale(t)
	session := b.session()
	lift, result := s.refreshUnderWay(t.Context(), session)

	assert.Equal(t, http.StatusSeeOther, b.logout().StatusCode)
	lift()
	assert.ErrorIs(t, <-result, passport.ErrNoSession)
	assert.Equal(t, "nobody", b.get("/").body)
	require.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 }, 10*time.Second, time.Millisecond,
		"the token that the refresh brought is revoked")
}

func TestARefreshThatBringsAnotherUserEndsTheSession(t *testing.T) {
	s, b := stale(t)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { c["sub"] = "email|mallory" }})
	_, err := b.session().AccessToken(t.Context())
	assert.ErrorIs(t, err, passport.ErrNoSession)
	assert.Equal(t, "nobody", b.get("/").body)
	require.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 }, 10*time.Second, time.Millisecond)
}

func TestARefreshMayBringNoIDTokenOrABadOne(t *testing.T) {
	for name, edit := range map[string]func(map[string]any){
		"none":         func(a map[string]any) { delete(a, "id_token") },
		"not a JWT":    func(a map[string]any) { a["id_token"] = "x.y.z" },
		"no expiry":    func(a map[string]any) { delete(a, "expires_in") }, // the access token's exp counts
		"no new token": func(a map[string]any) { delete(a, "scope") },
	} {
		t.Run(name, func(t *testing.T) {
			s, b := stale(t)
			s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditAnswer: edit})
			_, err := b.session().AccessToken(t.Context())
			require.NoError(t, err)
			profile, err := b.session().Profile(t.Context())
			require.NoError(t, err)
			assert.Equal(t, passporttest.DefaultUser().Email, profile.Email)
			_, err = b.session().AccessToken(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1, s.refreshes())
		})
	}
}

func TestWithoutARefreshTokenTheSessionOutlivesItsAccessToken(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Scopes = []string{"openid", "email"} })
	b := s.signedIn()
	s.clock.add(24*time.Hour - time.Second)
	_, err := b.session().AccessToken(t.Context())
	require.NoError(t, err, "good until its last second: there is no other")
	s.clock.add(time.Second)
	_, err = b.session().AccessToken(t.Context())
	assert.ErrorIs(t, err, passport.ErrTokenExpired)
	assert.NotEqual(t, "nobody", b.get("/").body)
}

func TestAStoreThatFailsForAMomentDoesNotLoseTheRotatedToken(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	session := b.session()
	lift, result := s.refreshUnderWay(t.Context(), session)
	tried := make(chan struct{}, 100)
	faulty.fail("Save")
	faulty.hook(func(method, _ string) {
		if method == "Save" {
			tried <- struct{}{}
		}
	})
	lift()
	waitFor(t, tried)
	waitFor(t, tried)
	faulty.fail()
	require.NoError(t, <-result)
	_, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, s.refreshes())
	assert.Empty(t, s.auth.Incidents())
}

// lostAnswer is a store that carries out a Save and cannot say so.
type lostAnswer struct {
	*memory.Store
	meanwhile atomic.Pointer[func()] // nil: answers arrive
}

func (l *lostAnswer) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	saved, err := l.Store.Save(ctx, r)
	if meanwhile := l.meanwhile.Swap(nil); meanwhile != nil {
		(*meanwhile)()
		return storage.Record{}, errStoreDown
	}
	return saved, err
}

func TestARefreshWhoseAnswerIsLostDoesNotUndoTheNextOne(t *testing.T) {
	lossy := &lostAnswer{Store: memory.New(memory.Options{})}
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = lossy, someKey() })
	session, secret := b.session(), passport.Secret(b.cookie("passport"))
	c := s.config()
	c.Store, c.EncryptionKeys = lossy.Store, someKey()
	c.Now = func() time.Time { return s.clock.Now().Add(25 * time.Hour) } // to which the new tokens are old
	other := newPassport(t, c)

	lift, result := s.refreshUnderWay(t.Context(), session)
	meanwhile := func() {
		there, err := other.Session(t.Context(), secret)
		if assert.NoError(t, err) {
			_, err = there.AccessToken(t.Context())
			assert.NoError(t, err)
		}
	}
	lossy.meanwhile.Store(&meanwhile)
	lift()
	require.NoError(t, <-result)
	assert.Equal(t, 2, s.refreshes())

	l, err := s.p.EndSession(t.Context(), session.ID())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.Revocation)
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live), "the session had the latest token")
	assert.Empty(t, s.auth.Incidents())
}

func TestCloseWaitsForARefresh(t *testing.T) {
	s, b := stale(t)
	session := b.session()
	lift, result := s.refreshUnderWay(t.Context(), session)
	closed := make(chan error, 1)
	go func() { closed <- s.p.Close(t.Context()) }()
	select {
	case <-closed:
		t.Fatal("Close did not wait")
	case <-time.After(50 * time.Millisecond): // not for an event, but for its absence
	}
	lift()
	assert.NoError(t, <-result)
	assert.NoError(t, <-closed)

	s.clock.add(48 * time.Hour)
	_, err := session.AccessToken(t.Context())
	assert.ErrorIs(t, err, passport.ErrClosed)
}

func TestRefreshFetchesNewTokensAlthoughTheOldAreGood(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session := b.session()
	old, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) {
		c["passport"] = map[string]any{"zkevm_eth_address": "0xnew"}
	}})
	require.NoError(t, session.Refresh(t.Context()))
	for name, session := range map[string]*passport.Session{"the same": session, "looked up again": b.session()} {
		token, err := session.AccessToken(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, old, token, name)
		profile, err := session.Profile(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "0xnew", profile.ZkEVMEthAddress, name)
	}
	assert.Equal(t, 1, s.refreshes())
}

func TestRefreshIsDoneOnceForAllWhoAskTogether(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	sessions := make([]*passport.Session, 5)
	for i := range sessions {
		sessions[i] = b.session()
		_, err := sessions[i].AccessToken(t.Context())
		require.NoError(t, err)
	}
	answer := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Times: 1})
	var wg sync.WaitGroup
	for _, session := range sessions {
		wg.Go(func() { assert.NoError(t, session.Refresh(t.Context())) })
	}
	_, err := s.auth.Await(t.Context(), "/oauth/token", 2)
	require.NoError(t, err)
	answer()
	wg.Wait()
	assert.Equal(t, 1, s.refreshes())
}

// signedInByVerbs signs a user in where nothing listens.
func signedInByVerbs(t *testing.T, p *passport.Passport, auth *passporttest.AuthDomain) *passport.Session {
	t.Helper()
	address, state, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	client := auth.InProcess()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Get(address)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	in, _, err := p.FinishLogin(t.Context(), state, queryOf(t, res.Header.Get("Location")))
	require.NoError(t, err)
	return in.Session
}

// A function is frozen after its response, and a refresh under way with it.
func TestAProgramSaysHowLongItWaitsForARefresh(t *testing.T) {
	for wait, want := range map[time.Duration]struct {
		took    time.Duration
		renewed bool
	}{
		0:                {time.Second, false},
		-1:               {0, false},
		30 * time.Second: {5 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			auth := passporttest.New(passporttest.Options{AutoLogin: true, Issuer: "https://auth.example/"})
			p, err := passport.New(passport.Config{
				ClientID: passporttest.ClientID, AuthDomain: "https://auth.example", RedirectURI: "http://localhost/redirect",
				HTTPClient: auth.InProcess(), RefreshWait: wait,
			})
			require.NoError(t, err)
			session := signedInByVerbs(t, p, auth)
			before, err := session.AccessToken(t.Context())
			require.NoError(t, err)
			time.Sleep(24*time.Hour - expiryMargin)
			auth.Inject(passporttest.Fault{Path: "/oauth/token", Delay: 5 * time.Second})
			began := time.Now()
			after, err := session.AccessToken(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want.took, time.Since(began), wait)
			assert.Equal(t, want.renewed, before != after, wait)
			require.NoError(t, p.Close(t.Context()))
		})
	}
}

func TestRefreshNeedsARefreshTokenAndASession(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Scopes = []string{"openid"} })
	assert.ErrorIs(t, s.signedIn().session().Refresh(t.Context()), errors.ErrUnsupported)

	s = newSite(t)
	b := s.signedIn()
	session := b.session()
	b.logout("Accept", "application/json")
	assert.ErrorIs(t, session.Refresh(t.Context()), passport.ErrNoSession)
}

func TestUserInfoIsAskedOnDemand(t *testing.T) {
	s := newSite(t)
	session := s.signedIn().session()
	var claims struct {
		Subject string `json:"sub"`
		Email   string `json:"email"`
	}
	require.NoError(t, session.UserInfo(t.Context(), &claims))
	assert.Equal(t, alice, claims.Subject)
	assert.Equal(t, passporttest.DefaultUser().Email, claims.Email)
	assert.Len(t, s.auth.Requests("/userinfo"), 1)
}
