package passport_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// What is stored may change while a refresh is under way.

// refreshThatWillFail has a refresh wait at the auth domain, for the nth request
// to it, until fail is called, which answers as fault says.
func (s *site) refreshThatWillFail(session *passport.Session, n int, fault passporttest.Fault) (fail func(), result <-chan error) {
	s.t.Helper()
	fault.Path, fault.Hang, fault.Times = "/oauth/token", true, 1
	fail = s.auth.Inject(fault)
	done := make(chan error, 1)
	go func() {
		_, err := session.AccessToken(s.t.Context())
		done <- err
	}()
	_, err := s.auth.Await(s.t.Context(), "/oauth/token", n)
	require.NoError(s.t, err)
	return fail, done
}

// another is one more instance with that store.
func (s *site) another(store storage.TokenStore) *passport.Passport {
	s.t.Helper()
	c := s.config()
	c.Store, c.EncryptionKeys = store, someKey()
	return newPassport(s.t, c)
}

// rewrite stores a session with another body.
func rewrite(t *testing.T, store storage.TokenStore, id string, edit func(body []byte) []byte) {
	t.Helper()
	keys, err := seal.New(someKey())
	require.NoError(t, err)
	rec, err := store.Load(t.Context(), id)
	require.NoError(t, err)
	head, err := envelope.OpenHead(keys, rec)
	require.NoError(t, err)
	body, err := envelope.OpenBody(keys, rec)
	require.NoError(t, err)
	_, err = store.Save(t.Context(), envelope.Seal(keys, rec, head, edit(body)))
	require.NoError(t, err)
}

func TestATokenThatRunsOutDuringAFailedRefreshIsNotHandedOut(t *testing.T) {
	s, b := stale(t)
	fail, result := s.refreshThatWillFail(b.session(), 2, passporttest.Fault{Status: 500})
	s.clock.add(expiryMargin)
	fail()
	assert.Error(t, <-result)
}

// TestARefreshedTokenIsRevokedIfTheSessionHasNoneAnyMore is about a logout in
// two steps, as the JavaScript SDK's is: it takes the tokens that it has revoked
// out of the session, and then removes it.
func TestARefreshedTokenIsRevokedIfTheSessionHasNoneAnyMore(t *testing.T) {
	store := memory.New(memory.Options{})
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	session := b.session()
	lift, result := s.refreshUnderWay(t.Context(), session)
	rewrite(t, store, session.ID(), func(body []byte) []byte {
		stored, err := envelope.ParseTokens(body)
		require.NoError(t, err)
		stored.RefreshToken = ""
		return stored.Marshal()
	})
	lift()
	<-result
	_, err := store.Delete(t.Context(), session.ID())
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 }, 10*time.Second, time.Millisecond)
}

func TestADeadRefreshTokenEndsNoSessionThatCannotBeLookedAt(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	s.clock.add(time.Hour)
	fail, result := s.refreshThatWillFail(b.session(), 2, passporttest.Fault{Error: "invalid_grant"})
	faulty.fail("Load")
	fail()
	err := <-result
	require.ErrorIs(t, err, errStoreDown)
	assert.NotErrorIs(t, err, passport.ErrNoSession)
	faulty.fail()
	assert.NotEqual(t, "nobody", b.get("/").body, "its tokens may have been replaced")
}

func TestADeadRefreshTokenEndsNoSessionThatALaterVersionHasWritten(t *testing.T) {
	store := memory.New(memory.Options{})
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	s.clock.add(time.Hour)
	session := b.session()
	fail, result := s.refreshThatWillFail(session, 2, passporttest.Fault{Error: "invalid_grant"})
	rewrite(t, store, session.ID(), func([]byte) []byte { return []byte{255} })
	fail()
	assert.Error(t, <-result)
	_, err := store.Load(t.Context(), session.ID())
	assert.NoError(t, err)
	assert.Empty(t, s.events.named("session.lost"))
}

// TestALateRefreshDoesNotGiveBackTheLeaseOfAnother is about a program that was
// put to sleep in the middle of a refresh, with its machine.
func TestALateRefreshDoesNotGiveBackTheLeaseOfAnother(t *testing.T) {
	store := memory.New(memory.Options{})
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	s.clock.add(time.Hour)
	session, secret := b.session(), passport.Secret(b.cookie("passport"))
	fail, late := s.refreshThatWillFail(session, 2, passporttest.Fault{Status: 500})
	s.clock.add(2 * time.Minute)

	there, err := s.another(store).Session(t.Context(), secret)
	require.NoError(t, err)
	failToo, other := s.refreshThatWillFail(there, 3, passporttest.Fault{Status: 500})
	fail()
	require.Error(t, <-late)

	keys, err := seal.New(someKey())
	require.NoError(t, err)
	rec, err := store.Load(t.Context(), session.ID())
	require.NoError(t, err)
	head, err := envelope.OpenHead(keys, rec)
	require.NoError(t, err)
	assert.Greater(t, head.RefreshBy, s.clock.Now().Unix(), "or a third would use the same refresh token at the same time")
	failToo()
	assert.Error(t, <-other)
}

func TestCloseDoesNotWaitForTheRefreshOfAnother(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s, b := stale(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty.Store, someKey() })
	s.clock.add(time.Hour)
	other := s.another(faulty)
	there, err := other.Session(t.Context(), passport.Secret(b.cookie("passport")))
	require.NoError(t, err)
	lift, result := s.refreshUnderWay(t.Context(), b.session())
	defer func() { lift(); <-result }()

	looked := make(chan struct{}, 1000)
	faulty.hook(func(method, _ string) {
		if method == "Load" {
			looked <- struct{}{}
		}
	})
	waits := make(chan error, 1)
	go func() {
		_, err := there.AccessToken(t.Context())
		waits <- err
	}()
	waitFor(t, looked)
	waitFor(t, looked)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	require.NoError(t, other.Close(ctx))
	assert.NoError(t, ctx.Err(), "there is nothing of its own to lose")
	assert.ErrorIs(t, <-waits, passport.ErrClosed)
}
