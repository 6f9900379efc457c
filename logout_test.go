package passport_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

func silent(c *passport.Config) {
	c.LogoutMode = passport.LogoutSilent
	c.LogoutRedirectURI = strings.TrimSuffix(c.RedirectURI, "/redirect") + "/silent-logout"
}

func TestLogoutByRedirectEndsBothSessions(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	id := b.session().ID()
	a := b.logout()
	assert.Equal(t, http.StatusSeeOther, a.StatusCode)
	assert.Equal(t, s.p.LogoutURL(), untagged(t, a.Header.Get("Location")))
	assert.Equal(t, "nobody", b.get("/").body, "the app session is gone before the browser has gone anywhere")
	assert.Len(t, s.auth.Sessions(), 1)

	back := b.get(a.Header.Get("Location"))
	assert.Equal(t, s.server.URL+"/", back.Request.URL.String())
	assert.Empty(t, s.auth.Sessions(), "the browser ended it")
	s.revoked(1)
	l, err := s.p.EndSession(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeSkipped, l.App)
}

func TestTheServerItselfNeverVisitsTheLogoutURL(t *testing.T) {
	s := newSite(t)
	s.signedIn().logout()
	s.revoked(1)
	require.NoError(t, s.p.Close(t.Context()))
	assert.Empty(t, s.auth.Requests("/v2/logout"), "a fetch without the browser's cookie ends nothing")
}

func TestEndSessionGivesAnAccountOfEachLayer(t *testing.T) {
	s := newSite(t)
	l, err := s.p.EndSession(t.Context(), s.signedIn().session().ID())
	require.NoError(t, err)
	assert.Equal(t, s.server.URL+"/?"+url.Values{"passport_logout": {l.State.Reveal()}}.Encode(), returned(t, l.URL))
	assert.Equal(t, passport.Logout{
		Mode:       passport.LogoutRedirect,
		URL:        s.auth.URL + "/v2/logout?" + url.Values{"client_id": {passporttest.ClientID}, "returnTo": {returned(t, l.URL)}}.Encode(),
		State:      l.State,
		App:        passport.OutcomeDone,
		Revocation: passport.OutcomeDone,
		Passport:   passport.OutcomePending,
		Ended:      1,
	}, l)
}

func TestEndSessionWithoutARefreshTokenHasNothingToRevoke(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Scopes = []string{"openid"} })
	l, err := s.p.EndSession(t.Context(), s.signedIn().session().ID())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeSkipped, l.Revocation)
	assert.Empty(t, s.auth.Requests("/oauth/revoke"))
}

func TestALogoutSaysAtOnceIfThereIsNothingToRevoke(t *testing.T) {
	for want, scopes := range map[passport.Outcome][]string{
		passport.OutcomeSkipped: {"openid"}, passport.OutcomePending: {"openid", "offline_access"},
	} {
		s := newSite(t, func(c *passport.Config) { c.Scopes = scopes })
		l, _, err := s.p.EndBrowserSession(t.Context(), s.signedIn().state())
		require.NoError(t, err)
		assert.Equal(t, passport.OutcomeDone, l.App)
		assert.Equal(t, want, l.Revocation, scopes)
	}
}

func TestLocalFirstWhateverTheAuthDomainDoes(t *testing.T) {
	for name, fault := range map[string]passporttest.Fault{
		"revocation answers 500":   {Path: "/oauth/revoke", Status: 500},
		"revocation never answers": {Path: "/oauth/revoke", Hang: true},
		"revocation is cut":        {Path: "/oauth/revoke", Cut: true},
		"everything hangs":         {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *passport.Config) { c.RevocationWait = 50 * time.Millisecond })
			b := s.signedIn()
			session := b.session()
			s.auth.Inject(fault)
			l, err := s.p.EndSession(t.Context(), session.ID())
			require.NoError(t, err, "a revocation that fails is no error of the logout")
			assert.Equal(t, passport.OutcomeDone, l.App)
			assert.Equal(t, passport.OutcomePending, l.Revocation)
			assert.Equal(t, "nobody", b.get("/").body)
			s.auth.Lift()
		})
	}
}

func TestTheHandlerDoesNotWaitForTheRevocation(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.RevocationWait = time.Hour })
	b := s.signedIn()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Hang: true})
	answered := make(chan answer, 1)
	go func() { answered <- b.logout() }()
	waitFor(t, answered)
	s.auth.Lift()
}

func TestALogoutGoesOnWhenItsCallerIsGone(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := s.p.EndSession(ctx, b.session().ID())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, "nobody", b.get("/").body)
	s.revoked(1)
}

func TestTwiceAtOnceIsOnce(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	id := b.session().ID()
	outcomes := make(chan passport.Outcome, 50)
	var wg sync.WaitGroup
	for range cap(outcomes) {
		wg.Go(func() {
			l, err := s.p.EndSession(t.Context(), id)
			assert.NoError(t, err)
			outcomes <- l.App
		})
	}
	wg.Wait()
	close(outcomes)
	count := map[passport.Outcome]int{}
	for o := range outcomes {
		count[o]++
	}
	assert.Equal(t, map[passport.Outcome]int{passport.OutcomeDone: 1, passport.OutcomeSkipped: 49}, count)
	require.NoError(t, s.p.Close(t.Context()))
	assert.Len(t, s.auth.Requests("/oauth/revoke"), 1)
	assert.Len(t, s.events.named("logout"), 1)
}

func TestWhoIsNotSignedInVisitsTheLogoutURLAllTheSame(t *testing.T) {
	s := newSite(t)
	a := s.browser().logout()
	assert.Equal(t, http.StatusSeeOther, a.StatusCode)
	assert.Equal(t, s.p.LogoutURL(), untagged(t, a.Header.Get("Location")))

	a = s.browser().logout("Accept", "application/json")
	assert.Equal(t, "skipped", s.json(a)["app"])
}

func TestACopiedCookieDiesWithItsSession(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	copied := b.cookie("passport")
	b.logout()
	w := record(s.p.Handler(http.HandlerFunc(who)).ServeHTTP, "GET", "/", "Cookie", "passport="+copied)
	assert.Equal(t, "nobody", w.Body.String())
}

func TestAStoreThatIsDownIsNoFalseSignOut(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	copied := b.cookie("passport")
	faulty.fail("Load", "Delete", "DeleteAndEnqueue")
	a := b.logout("Accept", "application/json")
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	v := s.json(a)
	assert.Equal(t, "failed", v["app"])
	assert.Equal(t, s.p.LogoutURL(), untagged(t, v["url"]), "the browser still gets its logout URL")
	assert.Empty(t, b.cookie("passport"), "and loses its cookie")

	faulty.fail()
	require.Eventually(t, func() bool {
		_, err := s.p.Session(t.Context(), passport.Secret(copied))
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "the session is ended as soon as the store is back")
	s.revoked(1)
}

func TestAFormIsToldWhenTheStoreIsDown(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	faulty.fail("Load", "Delete", "DeleteAndEnqueue")
	a := b.logout()
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	assert.Contains(t, a.body, "/v2/logout?")
	faulty.fail()
}

// TestAFormIsToldOfItsOwnProvider: a user of another provider has never heard of
// Passport.
func TestAFormIsToldOfItsOwnProvider(t *testing.T) {
	for service, edit := range map[string]func(*passport.Config){
		"Passport":            func(*passport.Config) {},
		"the sign-in service": discovered,
	} {
		faulty := &faultyStore{Store: memory.New(memory.Options{})}
		s := newSite(t, edit, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
		b := s.signedIn()
		faulty.fail("Load", "Delete", "DeleteAndEnqueue")
		page := b.logout().body
		faulty.fail()
		assert.Contains(t, page, "Sign out of "+service)
		assert.Equal(t, service == "Passport", strings.Contains(page, "Passport"), service)
	}
}
