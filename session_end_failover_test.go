package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// replicated is a store with a replica that can fall behind, and take over: a fail-over
// in miniature.
type replicated struct {
	mu      sync.Mutex
	primary *memory.Store
	replica *memory.Store // nil after a fail-over
	waits   bool          // it waits for the replica, and says if that does not confirm
	lags    bool
	backlog []func(*memory.Store)
}

func newReplicated(now func() time.Time, waits bool) *replicated {
	return &replicated{primary: memory.New(memory.Options{Now: now}), replica: memory.New(memory.Options{Now: now}), waits: waits}
}

// lag has the replica fall behind from now on.
func (r *replicated) lag() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lags = true
}

func (r *replicated) catchUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, do := range r.backlog {
		do(r.replica)
	}
	r.lags, r.backlog = false, nil
}

// failOver loses what the replica does not have.
func (r *replicated) failOver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.primary, r.replica, r.lags, r.backlog = r.replica, nil, false, nil
}

func (r *replicated) now() *memory.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.primary
}

// write does something on the primary, and on the replica now or later.
func write[T any](r *replicated, do func(*memory.Store) (T, error)) (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	result, err := do(r.primary)
	switch {
	case r.replica == nil:
		return result, err
	case !r.lags:
		_, _ = do(r.replica)
		return result, err
	}
	r.backlog = append(r.backlog, func(s *memory.Store) { _, _ = do(s) })
	switch {
	case !r.waits:
		return result, err
	case err == nil:
		return result, storage.ErrNotReplicated
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrConflict):
		return result, fmt.Errorf("%w; %w", err, storage.ErrNotReplicated)
	}
	return result, err
}

func (r *replicated) Load(ctx context.Context, id string) (storage.Record, error) {
	return r.now().Load(ctx, id)
}

func (r *replicated) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return r.now().List(ctx, m)
}

func (r *replicated) Save(ctx context.Context, rec storage.Record) (storage.Record, error) {
	return write(r, func(s *memory.Store) (storage.Record, error) { return s.Save(context.WithoutCancel(ctx), rec) })
}

func (r *replicated) Delete(ctx context.Context, id string) (storage.Record, error) {
	return write(r, func(s *memory.Store) (storage.Record, error) { return s.Delete(context.WithoutCancel(ctx), id) })
}

func (r *replicated) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return write(r, func(s *memory.Store) ([]storage.Record, error) {
		return s.DeleteMatching(context.WithoutCancel(ctx), m)
	})
}

func (r *replicated) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	return write(r, func(s *memory.Store) (storage.Revocation, error) {
		return s.DeleteAndEnqueue(context.WithoutCancel(ctx), id, lease)
	})
}

func (r *replicated) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	return write(r, func(s *memory.Store) ([]storage.Revocation, error) {
		return s.DeleteMatchingAndEnqueue(context.WithoutCancel(ctx), m, lease)
	})
}

func (r *replicated) Enqueue(ctx context.Context, rec storage.Record, lease time.Duration) (storage.Revocation, error) {
	return write(r, func(s *memory.Store) (storage.Revocation, error) {
		return s.Enqueue(context.WithoutCancel(ctx), rec, lease)
	})
}

func (r *replicated) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	return r.now().Claim(ctx, tenant, n, lease)
}

func (r *replicated) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return r.now().Retry(ctx, d, due)
}

func (r *replicated) Complete(ctx context.Context, d storage.Revocation) error {
	return r.now().Complete(ctx, d)
}

// newReplicatedSite starts a site on such a store.
func newReplicatedSite(t *testing.T, waits bool, edit ...func(*passport.Config)) (*site, *replicated) {
	t.Helper()
	var store *replicated
	s := newSite(t, append(edit, func(c *passport.Config) {
		store = newReplicated(c.Now, waits)
		c.Store, c.EncryptionKeys = store, someKey()
	})...)
	return s, store
}

// stranger is another instance, which has not heard of anything.
func (s *site) stranger() *passport.Passport { return newPassport(s.t, s.c) }

// copied is the cookie of a browser, as somebody else might have it.
func copied(b *browser) passport.Secret { return passport.Secret(b.cookie("passport")) }

func isSignedIn(t *testing.T, p *passport.Passport, cookie passport.Secret) bool {
	t.Helper()
	_, err := p.Session(t.Context(), cookie)
	if err != nil {
		require.ErrorIs(t, err, passport.ErrNoSession)
	}
	return err == nil
}

func TestALogoutThatAFailOverMayUndoIsPendingUntilItIsSafe(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	b, other := s.signedIn(), s.signedIn()
	cookie, sid := copied(b), other.session().ID()
	store.lag()

	answer := b.logout("Accept", "application/json")
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Equal(t, "pending", s.json(answer)["app"])
	assert.Equal(t, "nobody", b.get("/").body)
	assert.False(t, isSignedIn(t, s.p, cookie))
	l, err := s.p.EndSession(t.Context(), sid)
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.NotErrorIs(t, err, passport.ErrStoreUnavailable)
	assert.Equal(t, passport.OutcomePending, l.App)
	assert.Equal(t, passport.OutcomeDone, l.Revocation, "the token is revoked meanwhile")
	assert.Equal(t, 1, l.Ended)

	store.failOver()
	assert.True(t, isSignedIn(t, s.stranger(), cookie), "back from the dead")
	require.NoError(t, s.p.Close(t.Context()), "which tries once more")
	assert.False(t, isSignedIn(t, s.stranger(), cookie))
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
}

func TestALogoutThatTheReplicaConfirmsLaterIsSafeThen(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	b := s.signedIn()
	cookie := copied(b)
	store.lag()
	b.logout()
	store.catchUp()
	require.NoError(t, s.p.Close(t.Context()), "there is nothing left to be done")
	store.failOver()
	assert.False(t, isSignedIn(t, s.stranger(), cookie))
	assert.Empty(t, s.events.named(passport.EventSessionReturned))
}

func TestCloseSaysWhichLogoutsAreNotSafe(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	b := s.signedIn()
	store.lag()
	b.logout()
	assert.ErrorContains(t, s.p.Close(t.Context()), "1 sessions have ended, but a fail-over of the store may bring them back")
}

// A primary that is cut off does not know of every session.
func TestThatThereIsNoSessionIsNotSafeEither(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	id := s.signedIn().session().ID()
	store.lag()
	_, err := s.p.EndSession(t.Context(), id)
	require.ErrorIs(t, err, storage.ErrNotReplicated)
	l, err := s.stranger().EndSession(t.Context(), id)
	assert.Equal(t, passport.OutcomeSkipped, l.App)
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	store.catchUp()
	_, err = s.stranger().EndSession(t.Context(), id)
	assert.NoError(t, err)
}

// A store asks its replicas no more for a while after they did not confirm.
func TestCloseWaitsForReplicasThatAreBack(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	b := s.signedIn()
	store.lag()
	b.logout()
	time.AfterFunc(200*time.Millisecond, store.catchUp)
	assert.NoError(t, s.p.Close(t.Context()))
}

// Otherwise the next refresh would use a token that is used up.
func TestARefreshThatAFailOverTakesBackIsStoredAgain(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	b := s.signedIn()
	cookie := copied(b)
	store.lag()
	for range 3 {
		require.NoError(t, b.session().Refresh(t.Context()))
	}
	store.failOver()
	require.NoError(t, s.p.Close(t.Context()))
	there, err := s.stranger().Session(t.Context(), cookie)
	require.NoError(t, err)
	assert.NoError(t, there.Refresh(t.Context()))
	assert.Empty(t, s.auth.Incidents())
}

// The store does not know of it, so no logout would revoke it.
func TestTheTokenOfASessionThatAFailOverTakesAwayIsRevoked(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	store.lag()
	b := s.signedIn()
	cookie := copied(b)
	store.failOver()
	require.NoError(t, s.p.Close(t.Context()))
	assert.False(t, isSignedIn(t, s.stranger(), cookie))
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
}

// The second line, on a store that says nothing of its replicas.
func TestWhatHasEndedHereStaysSoThroughAFailOver(t *testing.T) {
	s, store := newReplicatedSite(t, false)
	b := s.signedIn()
	session, cookie := b.session(), copied(b)
	store.lag()
	assert.Equal(t, "done", s.json(b.logout("Accept", "application/json"))["app"])
	s.revoked(1)
	store.failOver()

	listed, err := s.p.Sessions(t.Context(), session.Subject())
	require.NoError(t, err)
	assert.Empty(t, listed)
	assert.False(t, isSignedIn(t, s.p, cookie))
	assert.ErrorIs(t, session.SetLabel(t.Context(), "alive"), passport.ErrNoSession)
	require.Eventually(t, func() bool { return !isSignedIn(t, s.stranger(), cookie) }, 10*time.Second, time.Millisecond, "ended once more")
	returned := s.events.named(passport.EventSessionReturned)
	require.Len(t, returned, 1)
	assert.Equal(t, session.ID(), returned[0].Session)
	assert.Error(t, returned[0].Err)
}

// A revocation that went with the fail-over is made up for.
func TestTheTokenOfASessionThatCameBackIsRevoked(t *testing.T) {
	s, store := newReplicatedSite(t, false)
	b := s.signedIn()
	cookie := copied(b)
	store.lag()
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
	b.logout()
	require.Eventually(t, func() bool { return len(s.events.named("revocation.retry")) == 1 }, 10*time.Second, time.Millisecond)
	store.failOver()
	lift()
	assert.False(t, isSignedIn(t, s.p, cookie))
	s.revoked(1)
}

func TestASessionOlderThanTheLogoutOfItsUserIsDead(t *testing.T) {
	for name, end := range map[string]func(*site, *passport.Session) error{
		"of the user": func(s *site, session *passport.Session) error {
			_, err := s.p.EndSessions(s.t.Context(), storage.Match{Subject: session.Subject()})
			return err
		},
		"of the Passport session": func(s *site, session *passport.Session) error {
			_, err := s.p.EndSessions(s.t.Context(), storage.Match{SID: session.Info().SID})
			return err
		},
		"by the provider": func(s *site, session *passport.Session) error {
			_, err := s.p.EndByLogoutToken(s.t.Context(), s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: session.Subject()}))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, store := newReplicatedSite(t, false)
			b := s.signedIn()
			session, cookie := b.session(), copied(b)
			s.clock.add(time.Minute)
			// Another instance has ended it already, so nobody here knows its ID.
			rec, err := store.Delete(t.Context(), session.ID())
			require.NoError(t, err)
			require.NoError(t, end(s, session))
			rec.Revision = 0
			_, err = store.Save(t.Context(), rec)
			require.NoError(t, err)

			assert.True(t, isSignedIn(t, s.stranger(), cookie), "back from the dead")
			assert.False(t, isSignedIn(t, s.p, cookie))
			require.Eventually(t, func() bool { return !isSignedIn(t, s.stranger(), cookie) }, 10*time.Second, time.Millisecond, "ended once more")
			assert.True(t, isSignedIn(t, s.p, copied(s.signedIn())), "the next login is another matter")
		})
	}
}

// Whose clock is behind signs in all the same.
func TestALoginRightAfterTheLogoutOfItsUserLives(t *testing.T) {
	s, _ := newReplicatedSite(t, false)
	b := s.signedIn()
	_, err := s.p.EndSessions(t.Context(), storage.Match{Subject: b.session().Subject()})
	require.NoError(t, err)
	s.clock.add(-5 * time.Second)
	assert.True(t, isSignedIn(t, s.p, copied(s.signedIn())))
}

func TestSparedSessionsLive(t *testing.T) {
	s, _ := newReplicatedSite(t, false)
	a, b := s.signedIn(), s.signedIn()
	s.clock.add(time.Minute)
	_, err := s.p.EndSessions(t.Context(), storage.Match{Subject: a.session().Subject(), Except: a.session().ID()})
	require.NoError(t, err)
	assert.NotEqual(t, "nobody", a.get("/").body)
	assert.Equal(t, "nobody", b.get("/").body)
}

// A replica that is away is no reason to keep anybody out.
func TestLoginsAndRefreshesDoNotFailForAReplica(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	store.lag()
	b := s.signedIn()
	require.NoError(t, b.session().SetLabel(t.Context(), "here"))
	require.NoError(t, b.session().Refresh(t.Context()))
	assert.Equal(t, "here", b.session().Info().Label)
	again := b.get("/login")
	assert.Equal(t, passporttest.DefaultUser().Subject, again.body)
}

func TestAProvidersLogoutThatAFailOverMayUndoIsPending(t *testing.T) {
	for _, revoke := range []bool{false, true} {
		s, store := newReplicatedSite(t, true, func(c *passport.Config) { c.RevokeOnProviderLogout = revoke })
		s.mux.HandleFunc("/backchannel", s.p.BackChannelLogout)
		b, other := s.signedIn(), s.signedIn()
		cookies := []passport.Secret{copied(b), copied(other)}
		store.lag()
		token := passporttest.LogoutToken{Subject: b.session().Subject(), SID: b.session().Info().SID}
		l, err := s.p.EndByLogoutToken(t.Context(), s.auth.SignLogoutToken(token))
		assert.ErrorIs(t, err, storage.ErrNotReplicated)
		assert.Equal(t, passport.OutcomePending, l.App)
		assert.Equal(t, 1, l.Ended)
		assert.Equal(t, "nobody", b.get("/").body)
		d, err := s.auth.SendLogoutToken(t.Context(), s.server.URL+"/backchannel", s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: token.Subject}))
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, d.Status, "the provider need not call again")
		assert.Equal(t, "nobody", other.get("/").body)

		store.failOver()
		require.NoError(t, s.p.Close(t.Context()))
		for _, cookie := range cookies {
			assert.False(t, isSignedIn(t, s.stranger(), cookie))
		}
	}
}

func TestMarksThatAFailOverMayUndoAreMadeAgain(t *testing.T) {
	s, store := newReplicatedSite(t, true, func(c *passport.Config) { c.BearerTokens = true })
	b := s.signedIn()
	token, err := b.session().IDToken(t.Context())
	require.NoError(t, err)
	accepts(t, token, s.p, s.stranger())
	store.lag()
	l, err := s.p.EndSession(t.Context(), b.session().ID())
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.Equal(t, passport.OutcomePending, l.App)
	_, err = s.p.VerifyBearer(t.Context(), token)
	assert.ErrorIs(t, err, passport.ErrBearerSignedOut, "the mark is in force")
	store.failOver()
	accepts(t, token, s.stranger())
	require.NoError(t, s.p.Close(t.Context()))
	_, err = s.stranger().VerifyBearer(t.Context(), token)
	assert.ErrorIs(t, err, passport.ErrBearerSignedOut)
}

func TestLoginsThatALogoutHasStoppedStaySoThroughAFailOver(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	b := s.signedIn()
	state := s.p.BrowserState(b.request(http.MethodGet, "/", nil)) // without a session
	address, begun, err := s.p.BeginLogin(t.Context(), state, passport.LoginOptions{})
	require.NoError(t, err)
	callback, err := b.stay().get(address).Location()
	require.NoError(t, err)
	store.lag()
	begun.Session = copied(b)
	l, _, err := s.p.EndBrowserSession(t.Context(), begun)
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.Equal(t, passport.OutcomePending, l.App)
	store.failOver()
	require.NoError(t, s.p.Close(t.Context()), "which tries once more")
	_, _, err = s.stranger().FinishLogin(t.Context(), begun, callback.Query())
	assert.ErrorIs(t, err, passport.ErrNoLogin)
}

func TestAMarkAloneIsMadeAgain(t *testing.T) {
	s, store := newReplicatedSite(t, true, func(c *passport.Config) { c.BearerTokens = true })
	token, err := s.signedIn().session().IDToken(t.Context())
	require.NoError(t, err)
	accepts(t, token, s.p)
	store.lag()
	assert.ErrorIs(t, s.p.EndBearer(t.Context(), token), storage.ErrNotReplicated)
	store.failOver()
	require.NoError(t, s.p.Close(t.Context()))
	_, err = s.stranger().VerifyBearer(t.Context(), token)
	assert.ErrorIs(t, err, passport.ErrBearerSignedOut)
}

// The login that is stopped need not be the user's, but the session is.
func TestALogoutThatFindsASessionByItsLoginIsPendingUntilItIsSafe(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	b := s.browser()
	v := &verbCarrier{s: s, p: s.p}
	require.False(t, v.callback(b.link(delivered(v.login(plain)))).failed)
	store.lag()
	l, _, err := s.p.EndBrowserSession(t.Context(), v.jar.state())
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.Equal(t, passport.OutcomePending, l.App)
}

// outlived is a browser whose user has been logged out, with a session that only the
// store takes for alive.
func outlived(s *site, store *replicated, while func(*browser)) (*browser, *passport.Session) {
	b := s.signedIn()
	session := b.session()
	while(b)
	s.clock.add(time.Minute)
	rec, err := store.Delete(s.t.Context(), session.ID())
	require.NoError(s.t, err)
	_, err = s.p.EndSessions(s.t.Context(), storage.Match{Subject: session.Subject()})
	require.NoError(s.t, err)
	rec.Revision = 0
	_, err = store.Save(s.t.Context(), rec)
	require.NoError(s.t, err)
	return b, session
}

func TestTheClientOfASessionOlderThanTheLogoutOfItsUserSendsNothing(t *testing.T) {
	var sent atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent.Add(1) }))
	t.Cleanup(api.Close)
	s, store := newReplicatedSite(t, false, func(c *passport.Config) { c.APIDomain = api.URL })
	_, session := outlived(s, store, func(*browser) {})
	_, err := session.Client().Get(api.URL)
	assert.ErrorIs(t, err, passport.ErrNoSession)
	assert.Zero(t, sent.Load())
}

func TestALoginThatWasBegunBesideASessionOlderThanTheLogoutOfItsUserDoesNotSignIn(t *testing.T) {
	s, store := newReplicatedSite(t, false)
	var begun passport.BrowserState
	var callback *url.URL
	outlived(s, store, func(b *browser) {
		address, state, err := s.p.BeginLogin(t.Context(), passport.BrowserState{Session: copied(b)}, passport.LoginOptions{})
		require.NoError(t, err)
		callback, err = b.stay().get(address).Location()
		require.NoError(t, err)
		begun = state
	})
	_, _, err := s.p.FinishLogin(t.Context(), begun, callback.Query())
	assert.ErrorIs(t, err, passport.ErrNoLogin)
	assert.Equal(t, 1, s.codes(), "that of the earlier login")
}

// Anybody can ask for a logout with a cookie that is nobody's.
func TestStrangersWithoutASessionLeaveRoomForTokensThatAreNotSafe(t *testing.T) {
	s, store := newReplicatedSite(t, true)
	store.lag()
	for i := range 10_100 {
		_, _, err := s.p.EndBrowserSession(t.Context(), passport.BrowserState{Session: passport.Secret(fmt.Sprintf("nobody%036dA", i))})
		require.ErrorIs(t, err, storage.ErrNotReplicated)
	}
	s.signedIn()
	store.failOver()
	require.NoError(t, s.p.Close(t.Context()))
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
}
