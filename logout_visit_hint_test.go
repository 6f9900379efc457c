package passport_test

import (
	"bytes"
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
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// state is what the browser has kept.
func (b *browser) state() passport.BrowserState {
	b.s.t.Helper()
	u, err := url.Parse(b.s.server.URL)
	require.NoError(b.s.t, err)
	r := b.request(http.MethodGet, "/", nil)
	for _, cookie := range b.Jar.Cookies(u) {
		r.AddCookie(cookie)
	}
	return b.s.p.BrowserState(r)
}

// toFinish is the address that finishes the browser's last logout.
func (b *browser) toFinish() string {
	b.s.t.Helper()
	l, unfinished := b.s.p.UnfinishedLogout(b.s.t.Context(), b.state())
	require.True(b.s.t, unfinished)
	return l.URL
}

// watchedKind is a store that knows which records of a kind it has.
type watchedKind struct {
	*memory.Store
	mu   sync.Mutex
	kind storage.Kind
	all  map[string]storage.Record
}

func keeping(kind storage.Kind) *watchedKind {
	return &watchedKind{Store: memory.New(memory.Options{}), kind: kind, all: map[string]storage.Record{}}
}

func (k *watchedKind) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	saved, err := k.Store.Save(ctx, r)
	if k.mu.Lock(); err == nil && r.Kind == k.kind {
		k.all[r.ID] = saved
	}
	k.mu.Unlock()
	return saved, err
}

func (k *watchedKind) Delete(ctx context.Context, id string) (storage.Record, error) {
	k.mu.Lock()
	delete(k.all, id)
	k.mu.Unlock()
	return k.Store.Delete(ctx, id)
}

func (k *watchedKind) records() (all []storage.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.all {
		all = append(all, r)
	}
	return all
}

func keptIn(store *watchedKind) func(*passport.Config) {
	return func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }
}

func TestAnUnfinishedLogoutAndASecondOneNameTheSessionToTheProvider(t *testing.T) {
	store := keeping(storage.KindLogoutHint)
	s := newSite(t, discovered, keptIn(store))
	b := s.signedIn()
	sid := b.session().Info().SID
	id, err := b.session().IDToken(t.Context())
	require.NoError(t, err)
	b.logout()

	again := b.logout().Header.Get("Location")
	for name, address := range map[string]string{"unfinished": b.toFinish(), "a second logout": again, "LogoutURLFor": s.p.LogoutURLFor(t.Context(), b.state())} {
		assert.Equal(t, id.Reveal(), queryOf(t, address).Get("id_token_hint"), name)
		assert.Equal(t, sid, queryOf(t, address).Get("logout_hint"), name)
	}
	b.get(again)
	assert.Empty(t, s.auth.Sessions(), "it ends the session")
	for name, state := range map[string]passport.BrowserState{
		"another browser": s.browser().state(),
		"a guess":         {Logout: b.state().Logout[:50] + "_"},
		"the way back":    {Logout: passport.Secret(queryOf(t, again).Get("state"))},
	} {
		assert.Empty(t, queryOf(t, s.p.LogoutURLFor(t.Context(), state)).Get("id_token_hint"), name)
	}

	require.Len(t, store.records(), 1)
	rec := store.records()[0]
	assert.False(t, bytes.Contains(rec.Data, []byte(strings.Split(id.Reveal(), ".")[1][:40])), "sealed")
	assert.Equal(t, s.clock.Now().Add(30*24*time.Hour), rec.Expiry, "as long as the browser remembers the logout")
}

func TestAHintIsKeptNoLongerThanTheLogoutIsUnfinished(t *testing.T) {
	store := keeping(storage.KindLogoutHint)
	s := newSite(t, discovered, keptIn(store))
	b := s.signedIn()
	b.logout()
	first := b.state()
	s.clock.add(time.Minute)
	b.get("/login")
	assert.False(t, b.unfinished())
	assert.Empty(t, store.records(), "the login has finished it")
	assert.Empty(t, queryOf(t, s.p.LogoutURLFor(t.Context(), first)).Get("id_token_hint"))

	b.logout()
	require.Len(t, store.records(), 1)
	state := b.state()
	state.Session = s.signedIn().state().Session // of a login that did not say whether it asked
	_, after, err := s.p.EndBrowserSession(t.Context(), state)
	require.NoError(t, err)
	assert.Len(t, store.records(), 1, "the hint of the new logout alone")
	assert.NotEmpty(t, queryOf(t, s.p.LogoutURLFor(t.Context(), after)).Get("id_token_hint"))
}

func TestTheLogoutURLOfABrowserNamesItsLiveSession(t *testing.T) {
	s := newSite(t, discovered)
	b := s.signedIn()
	id, err := b.session().IDToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, id.Reveal(), queryOf(t, s.p.LogoutURLFor(t.Context(), b.state())).Get("id_token_hint"))
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body, "it ends nothing")
	plain := newSite(t)
	assert.Equal(t, plain.p.LogoutURL(), plain.p.LogoutURLFor(t.Context(), plain.signedIn().state()))
}

func TestNoHintIsKeptForAProviderThatNeedsNone(t *testing.T) {
	store := keeping(storage.KindLogoutHint)
	s := newSite(t, keptIn(store))
	s.signedIn().logout()
	assert.Empty(t, store.records())
}

func TestALogoutWhoseHintIsTooLongCanBeFinished(t *testing.T) {
	s := newSite(t, discovered)
	s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["groups"] = strings.Repeat("g", 5000) }})
	b := s.signedIn()
	id, err := b.session().IDToken(t.Context())
	require.NoError(t, err)
	b.logout()
	link := b.toFinish()
	assert.True(t, strings.HasPrefix(link, s.server.URL+"/redirect?logout="), link)
	assert.Equal(t, link, b.toFinish(), "showing it costs nothing")
	for range 2 {
		assert.Contains(t, b.get(link).body, id.Reveal())
	}
	assert.Equal(t, "/", s.browser().stay().get(link).Header.Get("Location"), "another browser's")
}

func TestALogoutCanBeFinishedWhenTheProviderIsBack(t *testing.T) {
	s := newSite(t, discovered)
	b := s.signedIn()
	b.logout()
	lift := s.auth.Inject(passporttest.Fault{Path: wellKnown, Status: 503})
	down := newSite(t, func(c *passport.Config) { c.Discover, c.Issuer, c.AuthDomain = true, s.auth.URL+"/", "" })
	other := &browser{Client: b.Client, s: down}
	a := other.logout()
	require.Equal(t, down.server.URL+"/", a.Header.Get("Location"))

	link := other.toFinish()
	assert.True(t, strings.HasPrefix(link, down.server.URL+"/redirect?logout="), "not to the page that has the link: %s", link)
	assert.Equal(t, http.StatusBadGateway, other.get(link).StatusCode)
	lift()
	down.clock.add(time.Minute)
	to := other.stay().get(link).Header.Get("Location")
	assert.True(t, strings.HasPrefix(to, s.auth.URL+"/oidc/logout?"), to)
}

func TestWhereNothingEndsTheProvidersSessionThereIsNoLinkForIt(t *testing.T) {
	s := newSite(t, discovered)
	s.auth.Inject(passporttest.Fault{Path: wellKnown, EditAnswer: func(a map[string]any) { delete(a, "end_session_endpoint") }})
	s.mux.Handle("GET /own", s.p.RequireLogin(http.HandlerFunc(who)))
	s.app = s.p.RequireLogin(s.mux)
	b := s.signedIn()
	b.logout()
	assert.Empty(t, b.toFinish())
	page := b.get("/", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
	assert.Contains(t, page.body, "signed out")
	assert.NotContains(t, page.body, `href=""`)
}

// A user may decline to sign out at the provider, which sends a logout token even so:
// for this client the session has ended.
func TestALogoutTokenOfADiscoveredProviderFinishesNothing(t *testing.T) {
	s := provided(t, discovered)
	b := s.signedIn()
	sid := b.sid()
	b.logout()
	require.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, SID: sid})).Status)
	assert.NotEmpty(t, queryOf(t, b.toFinish()).Get("id_token_hint"))
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"))
	s.clock.add(time.Minute)
	b.get("/login")
	assert.False(t, b.unfinished(), "the user has given credentials")
}
