package passport_test

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/file"
	"github.com/passport-go/passport/storage/memory"
)

// neighbours are two programs that share a store and a key, and have a provider
// each, on which the user has the same sub.
type neighbours struct {
	a, b  *site
	clock *clock // of both programs and the store
	store storage.TokenStore
}

func (n *neighbours) shared(c *passport.Config) {
	c.Store, c.EncryptionKeys, c.Now = n.store, someKey(), n.clock.Now
}

// later moves all clocks.
func (n *neighbours) later(d time.Duration) {
	for _, c := range []*clock{n.clock, n.a.clock, n.b.clock} {
		c.add(d)
	}
}

func withNeighbours(t *testing.T, run func(t *testing.T, n *neighbours)) {
	stores := map[string]func(*testing.T, func() time.Time) storage.TokenStore{
		"memory": func(_ *testing.T, now func() time.Time) storage.TokenStore {
			return memory.New(memory.Options{Now: now})
		},
		"file": onDisk,
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { run(t, newNeighbours(t, open)) })
	}
}

func newNeighbours(t *testing.T, open func(*testing.T, func() time.Time) storage.TokenStore) *neighbours {
	t.Helper()
	n := &neighbours{clock: newClock()}
	n.store = open(t, n.clock.Now)
	n.a, n.b = newSite(t, n.shared), newSite(t, n.shared)
	return n
}

// onDisk is a store whose queue outlives the programs.
func onDisk(t *testing.T, now func() time.Time) storage.TokenStore {
	store, err := file.New(filepath.Join(t.TempDir(), "sessions.json"), file.Options{Now: now})
	require.NoError(t, err)
	return store
}

func TestASessionOfAnotherClientIsUnknown(t *testing.T) {
	withNeighbours(t, func(t *testing.T, n *neighbours) {
		a, b := n.a, n.b
		atA := a.signedIn()
		secret := atA.cookie("passport")
		require.NotEmpty(t, secret)
		assert.Equal(t, "nobody", b.browser().get("/", "Cookie", "passport="+secret).body)
		_, err := b.p.Session(t.Context(), passport.Secret(secret))
		assert.ErrorIs(t, err, passport.ErrNoSession)

		b.browser().logout("Cookie", "passport="+secret)
		l, err := b.p.EndSession(t.Context(), sessionAt(t, a, secret).ID())
		require.NoError(t, err)
		assert.Equal(t, passport.OutcomeSkipped, l.App)
		assert.Equal(t, alice, atA.get("/").body, "whatever is asked of the other client")
		assert.Empty(t, b.auth.Requests("/oauth/revoke"))
	})
}

func sessionAt(t *testing.T, s *site, secret string) *passport.Session {
	t.Helper()
	session, err := s.p.Session(t.Context(), passport.Secret(secret))
	require.NoError(t, err)
	return session
}

func TestListsAndLogoutsEverywhereKeepToTheirClient(t *testing.T) {
	withNeighbours(t, func(t *testing.T, n *neighbours) {
		a, b := n.a, n.b
		atA, atB := a.signedIn(), b.signedIn()
		for _, s := range []*site{a, b} {
			sessions, err := s.p.Sessions(t.Context(), alice)
			require.NoError(t, err)
			assert.Len(t, sessions, 1)
		}
		sid := sessionAt(t, a, atA.cookie("passport")).Info().SID
		for _, m := range []storage.Match{{Subject: alice}, {SID: sid}, {Subject: alice, Tenant: "any", Kind: storage.KindLogin}} {
			_, err := b.p.EndSessions(t.Context(), m)
			require.NoError(t, err)
			assert.Equal(t, alice, atA.get("/").body)
		}
		assert.Equal(t, "nobody", atB.get("/").body)
		b.revoked(1)
		assert.Empty(t, a.auth.Requests("/oauth/revoke"))
	})
}

// TestARefreshTokenGoesToItsOwnProviderAlone has a program take what is due while the
// provider of the other is down.
func TestARefreshTokenGoesToItsOwnProviderAlone(t *testing.T) {
	n := newNeighbours(t, onDisk)
	a, b := n.a, n.b
	atA := a.signedIn()
	lift := a.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
	atA.logout()
	_, err := a.auth.Await(t.Context(), "/oauth/revoke", 1)
	require.NoError(t, err)
	require.NoError(t, a.p.Close(t.Context()), "what is in a shared queue is not lost")

	n.later(2 * time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, b.p.Close(ctx))
	assert.Empty(t, b.auth.Requests("/oauth/revoke"), "the other's provider is asked for nothing")

	lift()
	c := a.config()
	n.shared(&c)
	again := newPassport(t, c)
	require.NoError(t, again.Close(ctx))
	a.revoked(1)
}

// TestALogoutAtOneProviderLeavesTheOthersLogins pins that marks, used tokens and
// confirmations are each client's own.
func TestALogoutAtOneProviderLeavesTheOthersLogins(t *testing.T) {
	withNeighbours(t, func(t *testing.T, n *neighbours) {
		a, b := n.a, n.b
		atB := b.signedIn()
		token := passporttest.LogoutToken{Subject: alice, Edit: func(_, claims map[string]any) { claims["jti"] = "the same" }}
		_, err := a.p.EndByLogoutToken(t.Context(), a.auth.SignLogoutToken(token))
		require.NoError(t, err)
		assert.Equal(t, alice, atB.get("/").body)
		_, err = b.p.EndByLogoutToken(t.Context(), b.auth.SignLogoutToken(token))
		require.NoError(t, err, "that the other has seen its jti does not matter")
		assert.Equal(t, "nobody", atB.get("/").body)
	})
}

// TestALoginOfAnotherClientIsUnknown replays the state and the binding of a login.
func TestALoginOfAnotherClientIsUnknown(t *testing.T) {
	withNeighbours(t, func(t *testing.T, n *neighbours) {
		address, state, err := n.a.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
		require.NoError(t, err)
		u, err := url.Parse(address)
		require.NoError(t, err)
		back := url.Values{"state": {u.Query().Get("state")}, "code": {"a code"}}
		_, _, err = n.b.p.FinishLogin(t.Context(), state, back)
		assert.ErrorIs(t, err, passport.ErrNoLogin)
		assert.Empty(t, n.b.auth.Requests("/oauth/token"), "the other's provider is asked for nothing")
		_, _, err = n.a.p.FinishLogin(t.Context(), state, back)
		assert.NotErrorIs(t, err, passport.ErrNoLogin, "at home it is known")
	})
}

// TestARevocationIsLeftToWhoeverHasItsKey has an instance with an older key take what
// another has sealed with a newer one, again and again.
func TestARevocationIsLeftToWhoeverHasItsKey(t *testing.T) {
	n := newNeighbours(t, onDisk)
	newer := append([][]byte{[]byte("another key of thirty-two bytes!")}, someKey()...)
	c := n.a.config()
	n.shared(&c)
	c.EncryptionKeys = newer
	rotated := newPassport(t, c)
	lift := n.a.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
	secret := n.a.signedIn().cookie("passport")
	session, err := rotated.Session(t.Context(), passport.Secret(secret))
	require.NoError(t, err)
	require.NoError(t, session.SetLabel(t.Context(), "sealed with the newer key"))
	_, err = session.AccessToken(t.Context())
	require.NoError(t, err)
	n.later(48 * time.Hour) // so that it is refreshed, and sealed again as a whole
	_, err = session.AccessToken(t.Context())
	require.NoError(t, err)
	rec, err := n.store.Load(t.Context(), session.ID())
	require.NoError(t, err)
	tenant := rec.Tenant
	_, err = rotated.EndSession(t.Context(), session.ID())
	require.NoError(t, err)
	require.NoError(t, rotated.Close(t.Context()))
	asked := len(n.a.auth.Requests("/oauth/revoke"))

	queue := n.store.(storage.RevocationQueue)
	for range 3 { // instances with the older key alone
		n.later(2 * time.Hour)
		c.EncryptionKeys = someKey()
		require.NoError(t, newPassport(t, c).Close(t.Context()))
	}
	assert.Len(t, n.a.auth.Requests("/oauth/revoke"), asked)
	n.later(2 * time.Minute)
	due, err := queue.Claim(t.Context(), tenant, 10, time.Nanosecond)
	require.NoError(t, err)
	require.Len(t, due, 1, "soon after, not an hour")
	assert.LessOrEqual(t, due[0].Attempts, asked, "they count for nothing")

	lift()
	n.later(time.Minute)
	c.EncryptionKeys = newer
	require.NoError(t, newPassport(t, c).Close(t.Context()))
	n.a.revoked(1)
}
