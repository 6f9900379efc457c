package passport_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

const day = 24 * time.Hour

// serveLogin serves logins with options at /with.
func (s *site) serveLogin(o passport.LoginOptions) {
	s.mux.HandleFunc("GET /with", func(w http.ResponseWriter, r *http.Request) { s.p.StartLogin(w, r, o) })
}

// sessionCookie is the session's cookie as a login at path sets it.
func (s *site) sessionCookie(b *browser, path string) *http.Cookie {
	s.t.Helper()
	for _, c := range b.stay().get(b.callback(path)).Cookies() {
		if c.Name == "passport" {
			return c
		}
	}
	require.FailNow(s.t, "no cookie")
	return nil
}

func TestALoginMayBeRememberedForLongerUsedOrNot(t *testing.T) {
	s := newSite(t)
	s.serveLogin(passport.LoginOptions{Remember: 90 * day})
	b := s.browser()
	assert.Equal(t, int((90 * day).Seconds()), s.sessionCookie(b, "/with").MaxAge)
	other := s.signedIn()
	s.clock.add(89 * day)
	assert.Equal(t, "nobody", other.get("/").body)
	assert.Equal(t, alice, b.get("/").body)
	assert.True(t, s.clock.Now().Equal(b.session().Info().Seen), "its last use is known all the same")
	require.NoError(t, b.session().SetLabel(t.Context(), "kept"), "and it is written")
	s.clock.add(day - time.Second)
	assert.Equal(t, alice, b.get("/").body)
	s.clock.add(time.Second)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestALoginMayBeRememberedForLess(t *testing.T) {
	s := newSite(t)
	s.serveLogin(passport.LoginOptions{Remember: time.Hour})
	b := s.browser()
	b.get("/with")
	s.clock.add(time.Hour - time.Second)
	assert.Equal(t, alice, b.get("/").body)
	s.clock.add(time.Second)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestAStepUpForgetsNoRememberedSession(t *testing.T) {
	s := newSite(t)
	s.serveLogin(passport.LoginOptions{Remember: 90 * day})
	s.mux.Handle("GET /email", s.p.RequireRecent(time.Minute, http.HandlerFunc(who)))
	b := s.browser()
	b.get("/with")
	before := b.session()
	s.clock.add(10 * day)
	b.get("/email", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	require.NotEqual(t, before.ID(), b.session().ID())
	s.clock.add(79 * day)
	assert.Equal(t, alice, b.get("/").body)
	s.clock.add(2 * day)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestOptionsOfRememberingThatCannotBeMeantAreErrors(t *testing.T) {
	s := newSite(t)
	for want, o := range map[string]passport.LoginOptions{
		"less than a second":   {Remember: -1},
		"longer than 400 days": {Remember: 401 * day},
		"both":                 {Remember: day, EndsWithBrowser: true},
	} {
		_, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, o)
		assert.ErrorContains(t, err, want)
	}
}

func TestAllSessionsMayEndWithTheirBrowserUnlessTheUserAsksToBeRemembered(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.EndsWithBrowser = true })
	s.serveLogin(passport.LoginOptions{Remember: day})
	assert.Zero(t, s.sessionCookie(s.browser(), "/login").MaxAge)
	assert.Equal(t, int(day.Seconds()), s.sessionCookie(s.browser(), "/with").MaxAge)
}

func TestPollingDoesNotKeepASessionAlive(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.IdleTimeout = 30 * time.Minute
		c.CountsAsUse = func(r *http.Request) bool { return !strings.HasPrefix(r.URL.Path, "/poll") }
	})
	s.mux.HandleFunc("GET /poll", who)
	info := http.NewServeMux()
	info.HandleFunc("GET /poll/info", s.p.SessionInfo)
	info.Handle("/", s.app)
	s.app = info
	b := s.signedIn()
	for range 2 {
		s.clock.add(10 * time.Minute)
		assert.Equal(t, alice, b.get("/poll").body)
		assert.Contains(t, b.get("/poll/info").body, alice)
	}
	s.clock.add(11 * time.Minute)
	assert.Equal(t, "nobody", b.get("/poll").body)

	b = s.signedIn()
	for range 2 {
		s.clock.add(20 * time.Minute)
		assert.Equal(t, alice, b.get("/page").body, "use counts")
	}
}

func TestALookUpMayBeNoUse(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.IdleTimeout = 30 * time.Minute })
	b := s.signedIn()
	secret := passport.Secret(b.cookie("passport"))
	for range 2 {
		s.clock.add(10 * time.Minute)
		_, err := s.p.Session(passport.WithoutUse(t.Context()), secret)
		require.NoError(t, err)
	}
	s.clock.add(11 * time.Minute)
	_, err := s.p.Session(t.Context(), secret)
	assert.ErrorIs(t, err, passport.ErrNoSession)
}

func TestALongDeepLinkSurvivesTheLogin(t *testing.T) {
	for _, length := range []int{1000, 1001, 5000, 60_000} {
		s := newSite(t)
		deep := "/page?filter=" + strings.Repeat("x", length-len("/page?filter="))
		b := s.browser()
		a := b.stay().get("/login?return_to=" + url.QueryEscape(deep))
		assert.Less(t, len(a.Header.Get("Location")), 3000, "it is not in the URL")
		back := b.stay().get(b.callback("/login?return_to=" + url.QueryEscape(deep)))
		assert.Equal(t, deep, back.Header.Get("Location"), length)
	}
}

func TestADeepLinkSurvivesAReloadAndAnErrorButNoOtherBrowser(t *testing.T) {
	s := newSite(t)
	deep := "/page?" + strings.Repeat("x", 3000)
	address, state, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{ReturnTo: deep})
	require.NoError(t, err)
	query := url.Values{"state": {queryOf(t, address).Get("state")}, "error": {"access_denied"}}
	for range 2 {
		in, _, err := s.p.FinishLogin(t.Context(), state, query)
		require.Error(t, err)
		assert.Equal(t, deep, in.ReturnTo)
	}
	in, _, err := s.p.FinishLogin(t.Context(), passport.BrowserState{}, query)
	require.ErrorIs(t, err, passport.ErrNoLogin)
	assert.Empty(t, in.ReturnTo)
}

func TestWhatStrangersStoreOfLongDeepLinksIsBounded(t *testing.T) {
	store := keeping(storage.KindReturnTo)
	s := newSite(t, keptIn(store))
	deep := "/page?" + strings.Repeat("x", 60_000)
	leads := map[string]int{}
	for range 100 {
		address, state, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{ReturnTo: deep})
		require.NoError(t, err)
		in, _, err := s.p.FinishLogin(t.Context(), state, url.Values{"state": {queryOf(t, address).Get("state")}, "error": {"access_denied"}})
		require.Error(t, err)
		leads[in.ReturnTo]++
	}
	assert.NotZero(t, leads[deep])
	assert.NotZero(t, leads["/"], "too many")
	size := 0
	for _, r := range store.records() {
		size += len(r.Data)
		assert.LessOrEqual(t, r.Expiry.Sub(s.clock.Now()), 11*time.Minute)
		assert.NotContains(t, string(r.Data), "xxxxxxxx")
	}
	assert.Less(t, size, 3<<20, "a megabyte, and what is free again after some seconds")
	b := s.signedIn()
	assert.Equal(t, "/page", b.stay().get(b.callback("/login?return_to=/page")).Header.Get("Location"), "which is nothing to others")
}

func TestALoginNeedsNoRoomForALongDeepLink(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	b := s.browser()
	store.fail("Save")
	link := b.callback("/login?return_to=/page%3F" + strings.Repeat("x", 3000))
	store.fail()
	assert.Equal(t, "/", b.stay().get(link).Header.Get("Location"))
}

// While the provider does not answer, whoever asks for a token that is still good is
// kept waiting once.
func TestATokenThatIsStillGoodIsNotWaitedForWhileTheProviderHangs(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	before, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	s.clock.add(day - 10*time.Second)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true})
	t.Cleanup(lift)
	first := time.Now()
	got, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, got)
	waited := time.Since(first)
	start := time.Now()
	for range 50 {
		got, err := b.session().AccessToken(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, got)
	}
	assert.Less(t, time.Since(start), max(waited, time.Second)*10, "and not a second each time")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.clock.add(11 * time.Second)
	_, err = b.session().AccessToken(ctx)
	assert.ErrorIs(t, err, context.Canceled, "a token that has expired is waited for")
}
