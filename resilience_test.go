package passport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

func TestAFullQueueKeepsNobodySignedIn(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Store = memory.New(memory.Options{RevocationLimit: 1}) })
	a, b, all := s.signedIn(), s.signedIn(), s.signedIn()
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
	assert.Equal(t, http.StatusSeeOther, a.logout().StatusCode)
	assert.Equal(t, http.StatusSeeOther, b.logout().StatusCode)
	assert.Equal(t, "nobody", b.get("/").body)
	_, err := s.p.EndSessions(t.Context(), storage.Match{Subject: passporttest.DefaultUser().Subject})
	require.NoError(t, err)
	assert.Equal(t, "nobody", all.get("/").body)
	require.Eventually(t, func() bool { return len(s.events.named("revocation.retry")) == 3 }, 10*time.Second, time.Millisecond)
	lift()
	assert.NoError(t, s.p.Close(t.Context()))
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live), "and loses no revocation")
}

func TestWhatAProxyAnswersIsNotTheProvidersWord(t *testing.T) {
	s, b := stale(t)
	s.clock.add(time.Hour)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: 400, Body: "<html>blocked</html>"})
	_, err := b.session().AccessToken(t.Context())
	require.Error(t, err)
	assert.NotEqual(t, "nobody", b.get("/").body)
	lift()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 403, Body: "<html>blocked</html>", Times: 1})
	l, err := s.p.EndSession(t.Context(), b.session().ID())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomePending, l.Revocation)
	require.NoError(t, s.p.Close(t.Context()))
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
}

func TestAFailedRefreshGivesItsLeaseBackWhateverHappenedMeanwhile(t *testing.T) {
	s, b := stale(t)
	s.clock.add(time.Hour)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Times: 1, Status: 500})
	session := b.session()
	result := make(chan error, 1)
	go func() {
		_, err := session.AccessToken(t.Context())
		result <- err
	}()
	_, err := s.auth.Await(t.Context(), "/oauth/token", 2)
	require.NoError(t, err)
	require.NoError(t, b.session().SetLabel(t.Context(), "written in the middle of it"))
	lift()
	require.Error(t, <-result)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = b.session().AccessToken(ctx)
	assert.NoError(t, err, "at once, and not when the lease has run out")
}

func TestACodeDoesNotFollowARedirect(t *testing.T) {
	var followed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	s := newSite(t, func(c *passport.Config) { c.HTTPClient = &http.Client{Transport: redirecting(elsewhere.URL)} })
	assert.Equal(t, http.StatusBadGateway, s.browser().get("/login").StatusCode)
	assert.Zero(t, followed.Load())
}

// redirecting is an auth domain whose token endpoint has moved to this address.
type redirecting string

func (to redirecting) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/oauth/token" {
		return http.DefaultTransport.RoundTrip(r)
	}
	header := http.Header{"Location": {string(to)}}
	return &http.Response{StatusCode: http.StatusTemporaryRedirect, Header: header, Body: http.NoBody, Request: r}, nil
}

func TestASessionThatWasTamperedWithHasItsTokenRevoked(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, func(c *passport.Config) { c.Store = store })
	b := s.signedIn()
	damage(t, store, b.session().ID())
	assert.Equal(t, "nobody", b.get("/").body)
	s.revoked(1)
}

// damage alters a session's head: the tokens behind it are whole.
func damage(t *testing.T, store storage.TokenStore, id string) {
	t.Helper()
	r, err := store.Load(t.Context(), id)
	require.NoError(t, err)
	r.Data = append([]byte(nil), r.Data...)
	r.Data[40] ^= 1
	_, err = store.Save(t.Context(), r)
	require.NoError(t, err)
}

func TestASessionWhoseKeyIsMissingIsNotReportedAsLost(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	secret := passport.Secret(s.signedIn().cookie("passport"))
	c := s.config()
	c.Store, c.EncryptionKeys = store, [][]byte{[]byte("another key of thirty-two bytes!")}
	_, err := newPassport(t, c).Session(t.Context(), secret)
	assert.ErrorIs(t, err, passport.ErrNoSession)
	assert.Empty(t, s.events.named("session.lost"))
	assert.Contains(t, s.log.String(), "encryption key that is not configured")
}

func TestTheAuthDomainIsNotWaitedForForever(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.HTTPClient = &http.Client{} }) // without a time-out of its own
	s.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Hang: true, Times: 1})
	b := s.browser()
	began := time.Now()
	assert.Equal(t, http.StatusBadGateway, b.get("/login").StatusCode)
	assert.Less(t, time.Since(began), 25*time.Second)
	s.signedIn()
}

func TestASessionIsSafeForManyGoroutines(t *testing.T) {
	s, b := stale(t)
	session := b.session()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { assert.NoError(t, session.SetLabel(t.Context(), "label")) })
		wg.Go(func() { assert.NotEmpty(t, session.ID()+session.Subject()+fmt.Sprint(session)+session.Info().Label) })
		wg.Go(func() {
			_, err := session.AccessToken(t.Context())
			assert.NoError(t, err)
		})
		wg.Go(func() {
			_, err := session.Profile(t.Context())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 1, s.refreshes())
}

func TestACodeWhoseAnswerWasLostIsNotSentAgain(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	link := b.callback("/login")
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Status: 502, Times: 1})
	assert.Equal(t, http.StatusBadGateway, b.get(link).StatusCode)
	assert.Equal(t, http.StatusBadRequest, b.get(link).StatusCode, "begin again")
	assert.Len(t, s.auth.Requests("/oauth/token"), 1)
	assert.Empty(t, s.auth.Incidents())
}

func TestASessionThatOthersKeepAliveCanBeLabelled(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.IdleTimeout = 10 * time.Minute })
	b := s.signedIn()
	old := b.session()
	for range 4 {
		s.clock.add(5 * time.Minute)
		b.get("/")
	}
	assert.NoError(t, old.SetLabel(t.Context(), "a socket that has been open for long"))
}

func TestAReloadedCallbackDoesNotUndoALogoutThatWaitsForTheStore(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, silent, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.browser()
	link := b.callback("/login")
	b.get(link)
	faulty.fail("DeleteAndEnqueue", "Delete")
	b.logout()
	a := b.get(link)
	assert.Equal(t, http.StatusBadRequest, a.StatusCode)
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"))
	faulty.fail()
}

func TestADiscoveryThatHangsHoldsUpNobodyForLongerThanTheyWait(t *testing.T) {
	s := newSite(t, discovered)
	lift := s.auth.Inject(passporttest.Fault{Path: wellKnown, Hang: true})
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, _, err := s.p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
	wg.Wait()
	lift()
	s.signedIn()
	assert.Len(t, s.auth.Requests(wellKnown), 1, "and it is asked once")
}

func TestASessionThatCannotBeReadIsReportedAsLostOnceItIs(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	damage(t, faulty, b.session().ID())
	faulty.fail("DeleteAndEnqueue")
	for range 3 {
		assert.Equal(t, "nobody", b.get("/").body)
	}
	assert.Empty(t, s.events.named("session.lost"), "it is still there")
	faulty.fail()
	assert.Equal(t, "nobody", b.get("/").body)
	assert.Len(t, s.events.named("session.lost"), 1)
}

func TestASessionThatCannotBeReadEndsThoughTheQueueIsFull(t *testing.T) {
	store := memory.New(memory.Options{RevocationLimit: 1})
	s := newSite(t, func(c *passport.Config) { c.Store = store })
	a, b := s.signedIn(), s.signedIn()
	id := b.session().ID()
	damage(t, store, id)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
	a.logout()
	assert.Equal(t, "nobody", b.get("/").body)
	_, err := store.Load(t.Context(), id)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	require.Eventually(t, func() bool { return len(s.events.named("revocation.retry")) == 2 }, 10*time.Second, time.Millisecond)
	lift()
	assert.NoError(t, s.p.Close(t.Context()))
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live), "and loses no revocation")
}

func TestALoginWhoseBeginningMayOrMayNotBeNotedIsFinishedByAReload(t *testing.T) {
	lossy := &lostAnswer{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = lossy, someKey() })
	b := s.browser()
	link := b.callback("/login")
	nothing := func() {}
	lossy.meanwhile.Store(&nothing)
	assert.Equal(t, http.StatusServiceUnavailable, b.get(link).StatusCode)
	assert.Equal(t, alice, b.get(link).body)
	assert.Len(t, s.auth.Requests("/oauth/token"), 1)
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestASessionThatMayOrMayNotBeStoredIsNotLeftBehind(t *testing.T) {
	lossy := &lostAnswer{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = lossy, someKey() })
	b := s.browser()
	link := b.callback("/login")
	nothing := func() {}
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Times: 1, EditAnswer: func(map[string]any) { lossy.meanwhile.Store(&nothing) }})
	assert.Equal(t, http.StatusServiceUnavailable, b.get(link).StatusCode)
	require.Nil(t, lossy.meanwhile.Load(), "the session's answer was lost")
	all, err := s.p.Sessions(t.Context(), alice)
	require.NoError(t, err)
	assert.Empty(t, all, "nobody has its secret")
	s.revoked(1)
}
