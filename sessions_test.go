package passport_test

import (
	"context"
	"errors"
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

func TestSessionsListsAUsersLiveSessionsTheLatestFirst(t *testing.T) {
	s := newSite(t)
	first := s.signedIn()
	s.clock.add(time.Hour)
	second := s.signedIn()
	require.NoError(t, first.session().SetLabel(t.Context(), "Firefox\nin Berlin"))
	s.clock.add(time.Hour)
	first.get("/")

	list, err := s.p.Sessions(t.Context(), passporttest.DefaultUser().Subject)
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, []string{second.session().ID(), first.session().ID()}, []string{list[0].ID, list[1].ID})
	assert.Equal(t, "Firefoxin Berlin", list[1].Label)
	assert.Equal(t, s.clock.Now().Unix(), list[1].Seen.Unix())
	assert.Equal(t, s.clock.Now().Add(-2*time.Hour).Unix(), list[1].Begun.Unix())
	assert.Equal(t, s.auth.Sessions()[1].SID, list[0].SID)
	assert.Equal(t, list[1], first.session().Info())

	first.logout()
	list, err = s.p.Sessions(t.Context(), passporttest.DefaultUser().Subject)
	require.NoError(t, err)
	assert.Len(t, list, 1)
	list, err = s.p.Sessions(t.Context(), "nobody")
	require.NoError(t, err)
	assert.Empty(t, list)
	_, err = s.p.Sessions(t.Context(), "")
	assert.ErrorIs(t, err, storage.ErrEmptyMatch)
}

func TestSessionsNeedsAStoreThatLists(t *testing.T) {
	c := least()
	c.Store, c.EncryptionKeys = elsewhere{memory.New(memory.Options{})}, someKey()
	_, err := newPassport(t, c).Sessions(t.Context(), "alice")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestEndSessionsEndsTheOthersOrAll(t *testing.T) {
	s := newSite(t)
	here, there, elsewhere := s.signedIn(), s.signedIn(), s.signedIn()
	user := passporttest.DefaultUser().Subject

	l, err := s.p.EndSessions(t.Context(), storage.Match{Subject: user, Except: here.session().ID()})
	require.NoError(t, err)
	assert.Equal(t, 2, l.Ended)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomeDone, l.Revocation)
	assert.NotEqual(t, "nobody", here.get("/").body)
	assert.Equal(t, "nobody", there.get("/").body)
	assert.Equal(t, "nobody", elsewhere.get("/").body)
	s.revoked(2)

	l, err = s.p.EndSessions(t.Context(), storage.Match{Subject: user})
	require.NoError(t, err)
	assert.Equal(t, 1, l.Ended)
	assert.Equal(t, "nobody", here.get("/").body)

	l, err = s.p.EndSessions(t.Context(), storage.Match{Subject: user})
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeSkipped, l.App)
}

func TestEndSessionsByPassportSession(t *testing.T) {
	s := newSite(t)
	a, b := s.signedIn(), s.signedIn()
	_, err := s.p.EndSessions(t.Context(), storage.Match{SID: a.session().Info().SID})
	require.NoError(t, err)
	assert.Equal(t, "nobody", a.get("/").body)
	assert.NotEqual(t, "nobody", b.get("/").body)
}

func TestEndSessionsOfNobodyInParticularIsAnError(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	l, err := s.p.EndSessions(t.Context(), storage.Match{})
	assert.ErrorIs(t, err, storage.ErrEmptyMatch)
	assert.Equal(t, passport.OutcomeFailed, l.App)
	assert.NotEqual(t, "nobody", b.get("/").body)
}

func TestALabelSurvivesARefreshAndBringsNothingBack(t *testing.T) {
	s, b := stale(t)
	session := b.session()
	require.NoError(t, session.SetLabel(t.Context(), "desktop"))
	_, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	require.NoError(t, session.SetLabel(t.Context(), "laptop"), "the record has changed since")
	_, err = b.session().AccessToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, s.refreshes(), "and kept its refreshed tokens")
	assert.Equal(t, "laptop", b.session().Info().Label)

	b.logout()
	assert.ErrorIs(t, session.SetLabel(t.Context(), "gone"), passport.ErrNoSession)
	assert.Equal(t, "nobody", b.get("/").body)
}

// bus is a store whose instances tell each other of the sessions that end.
type bus struct {
	*memory.Store
	mu        sync.Mutex
	listeners map[chan string]bool
	deaf      bool
}

func (b *bus) Notify(_ context.Context, ids ...string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deaf {
		return errStoreDown
	}
	for l := range b.listeners {
		for _, id := range ids {
			l <- id
		}
	}
	return nil
}

func (b *bus) Listen(ctx context.Context, ready func(), ended func(string)) error {
	l := make(chan string, 100)
	b.mu.Lock()
	b.listeners[l] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.listeners, l)
		b.mu.Unlock()
	}()
	ready()
	for {
		select {
		case id := <-l:
			ended(id)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestDoneClosesOnEveryInstance(t *testing.T) {
	store := &bus{Store: memory.New(memory.Options{}), listeners: map[chan string]bool{}}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	b := s.signedIn()
	c := s.config()
	c.Store, c.EncryptionKeys = store, someKey()
	other := newPassport(t, c)
	session, err := other.Session(t.Context(), passport.Secret(b.cookie("passport")))
	require.NoError(t, err)
	done := session.Done(t.Context())
	require.Eventually(t, func() bool {
		store.mu.Lock()
		defer store.mu.Unlock()
		return len(store.listeners) == 1
	}, 10*time.Second, time.Millisecond)
	began := time.Now()
	b.logout()
	waitFor(t, done)
	assert.Less(t, time.Since(began), 10*time.Second, "by the notice, not by the re-check")
	require.NoError(t, other.Close(t.Context()))
	store.mu.Lock()
	assert.Empty(t, store.listeners, "Close ends the listening")
	store.mu.Unlock()
}

func TestEverybodyIsLoggedOutBeforeTheProviderIsAskedWhereToGo(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, discovered, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	b := s.signedIn()
	c := s.config()
	discovered(&c)
	c.Store, c.EncryptionKeys = store, someKey()
	restarted := newPassport(t, c) // and knows nothing of the provider yet
	asked := len(s.auth.Requests(wellKnown))
	lift := s.auth.Inject(passporttest.Fault{Path: wellKnown, Hang: true})
	var ending sync.WaitGroup
	ending.Go(func() {
		l, err := restarted.EndSessions(t.Context(), storage.Match{Subject: alice})
		assert.NoError(t, err)
		assert.Equal(t, passport.OutcomeDone, l.App)
		assert.NotEmpty(t, l.URL)
	})
	_, err := s.auth.Await(t.Context(), wellKnown, asked+1)
	require.NoError(t, err)
	assert.Equal(t, "nobody", b.get("/").body)
	lift()
	ending.Wait()
}

func TestAUsersOldestSessionsMakeRoom(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.MaxSessionsPerUser = 2 })
	var browsers []*browser
	for evicted := range 4 {
		browsers = append(browsers, s.signedIn())
		s.revoked(max(evicted-1, 0)) // before the clock moves on
		s.clock.add(time.Minute)
	}
	assert.Equal(t, "nobody", browsers[0].get("/").body)
	assert.Equal(t, "nobody", browsers[1].get("/").body)
	assert.NotEqual(t, "nobody", browsers[2].get("/").body)
	assert.NotEqual(t, "nobody", browsers[3].get("/").body)
	assert.Len(t, s.events.named(passport.EventSessionEvicted), 2)
}

// The latest login stays, even where others claim to be younger.
func TestTheLatestLoginIsNotTheOldestSession(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.MaxSessionsPerUser = 1 })
	earlier := s.signedIn()
	s.clock.add(-time.Hour) // a clock that was put right
	latest := s.signedIn()
	assert.Equal(t, "nobody", earlier.get("/").body)
	assert.NotEqual(t, "nobody", latest.get("/").body)
}

func TestALimitOfSessionsIsOfOneUser(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.MaxSessionsPerUser = 1 })
	alice := s.signedIn()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { c["sub"] = "bob" }, Times: 1})
	require.Equal(t, "bob", s.browser().get("/login").body)
	assert.NotEqual(t, "nobody", alice.get("/").body)
}

func TestSessionsMayBeWithoutALimit(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.MaxSessionsPerUser = -1 })
	first := s.signedIn()
	for range 3 {
		s.signedIn()
	}
	assert.NotEqual(t, "nobody", first.get("/").body)
	assert.Empty(t, s.events.named(passport.EventSessionEvicted))
}
