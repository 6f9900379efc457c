//go:build !js

package localstorage

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTokensThatTheJavaScriptSDKHasRefreshedAreTakenIn(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	renewed := alice(now.Add(time.Minute))
	f.writes(t, renewed)

	got, err := s.LoadUser(t.Context())
	require.NoError(t, err)
	assert.True(t, got.sameTokens(renewed))
	assert.Equal(t, u.Revision+1, got.Revision)
	assert.Equal(t, u.Extra, got.Extra)
	assert.Equal(t, u.Expiry, got.Expiry)
	assertLoads(t, s, got)
	_, err = s.SaveUser(t.Context(), u)
	assert.ErrorIs(t, err, storage.ErrConflict)

	again := alice(now.Add(2 * time.Minute))
	f.writes(t, again)
	_, err = s.DeleteUser(t.Context(), got.Revision)
	assert.ErrorIs(t, err, storage.ErrConflict, "whoever has not seen the change")
}

func TestAUserWhomTheJavaScriptSDKHasSignedInIsANewSession(t *testing.T) {
	for name, claims := range map[string]map[string]any{
		"another user":               {"sub": "bob", "sid": "s1"},
		"another Passport session":   {"sub": "alice", "sid": "s2"},
		"a Passport session unknown": {"sub": "alice"},
	} {
		f := newFake()
		s := f.open(t, options())
		u := save(t, s, alice(now))
		other := alice(now)
		other.IDToken = idToken(claims)
		f.writes(t, other)

		got, err := s.LoadUser(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, claims["sub"], got.Subject, name)
		assert.Nil(t, got.Extra, name)
		assert.Equal(t, now.Add(30*24*time.Hour), got.Expiry, name)
		u.Revision = 0
		_, err = s.SaveUser(t.Context(), u)
		assert.ErrorIs(t, err, storage.ErrConflict, name)
	}
}

func TestAUserWhomTheJavaScriptSDKHasRemovedIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.open(t, options())
		u := save(t, s, alice(now))
		time.Sleep(2 * propagation)
		require.NoError(t, f.remove(userItem))
		_, err := s.LoadUser(t.Context())
		assert.ErrorIs(t, err, storage.ErrNotFound)
		_, err = s.SaveUser(t.Context(), u)
		assert.ErrorIs(t, err, storage.ErrNotFound)
		assert.Empty(t, f.document, "nothing is left")

		f.writes(t, alice(now))
		_, err = s.LoadUser(t.Context())
		assert.NoError(t, err, "it was not ended here, so this is not a session that was written back")
	})
}

// A process that has not heard of the last write yet must not take what stood
// there before for somebody's change.
func TestATabThatLagsBehindWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.open(t, options())
		first := save(t, s, alice(now))
		old := f.items[userItem]
		second := alice(now.Add(time.Minute))
		second.Revision, second.Extra = first.Revision, []byte("newer")
		second = save(t, s, second)
		current := f.items[userItem]

		for _, stale := range []string{old, ""} {
			f.items[userItem] = stale
			time.AfterFunc(propagation/4, func() { require.NoError(t, f.set(userItem, current)) })
			begun := time.Now()
			assertLoads(t, s, second)
			assert.GreaterOrEqual(t, time.Since(begun), propagation/4)
		}

		f.items[userItem] = old // for good, so somebody has put it back
		got, err := s.LoadUser(t.Context())
		require.NoError(t, err)
		assert.True(t, got.sameTokens(first))
		assert.Equal(t, second.Revision+1, got.Revision)
	})
}

func TestATabThatLagsBehindWaitsForTheNextSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.open(t, options())
		first := save(t, s, alice(now))
		old := f.items[userItem]
		_, err := s.DeleteUser(t.Context(), first.Revision)
		require.NoError(t, err)
		bob := alice(now)
		bob.IDToken = idToken(map[string]any{"sub": "bob"})
		second := save(t, s, bob)
		current := f.items[userItem]

		f.items[userItem] = old
		time.AfterFunc(propagation/4, func() { require.NoError(t, f.set(userItem, current)) })
		assertLoads(t, s, second)
	})
}

func TestASessionThatIsWrittenBackAfterItsEndIsEndedAgain(t *testing.T) {
	sameIDToken := alice(now)
	sameIDToken.AccessToken, sameIDToken.RefreshToken = "another", "rotated"
	later := alice(now.Add(writtenBackWithin / 2))
	for name, in := range map[string]struct {
		written  User
		enqueued int
	}{
		"as it was":                 {alice(now), 0},
		"with the same ID token":    {sameIDToken, 1},
		"with tokens of soon after": {later, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			var log bytes.Buffer
			o := options()
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s := f.open(t, o)
			u := save(t, s, alice(now))
			_, err := s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Hour)
			require.NoError(t, err)

			for range 2 {
				f.writes(t, in.written)
				_, err = s.LoadUser(t.Context())
				assert.ErrorIs(t, err, storage.ErrNotFound)
				assert.NotContains(t, f.items, userItem)
			}
			revocations, err := s.Claim(t.Context(), "", 10, time.Minute)
			require.NoError(t, err)
			require.Len(t, revocations, 0, "due a nanosecond later")
			assert.Len(t, claim(t, s, time.Minute), in.enqueued)
			assert.Equal(t, in.enqueued > 0, strings.Contains(log.String(), "written back"))
			assert.NotContains(t, log.String(), in.written.AccessToken)
		})
	}
}

// The provider's clock, of which the tokens are, may be ahead of the machine's.
func TestASessionThatIsWrittenBackAtOnceIsEndedWhateverTheClocksSay(t *testing.T) {
	const ahead = 10 * time.Minute
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	_, err := s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Hour)
	require.NoError(t, err)
	f.writes(t, alice(now.Add(ahead)))
	_, err = s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.NotContains(t, f.items, userItem)
	assert.Len(t, claim(t, s, time.Minute), 1, "its token is enqueued")
}

// The user closes the page and comes back the next day, and nothing of ours has
// run in between.
func TestAnEndIsRememberedUntilTheUserComesBack(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, f *fake){
		"with a session that was written back":    func(t *testing.T, f *fake) { f.writes(t, alice(now.Add(time.Second))) },
		"with a session that was not removed yet": func(t *testing.T, f *fake) { f.writes(t, alice(now)) },
	} {
		t.Run(name, func(t *testing.T) {
			clock := now
			o := options()
			o.Now = func() time.Time { return clock }
			f := newFake()
			s := f.open(t, o)
			u := save(t, s, alice(now))
			_, err := s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Minute)
			require.NoError(t, err)
			between(t, f)
			clock = clock.Add(20 * time.Hour)
			_, err = f.open(t, o).LoadUser(t.Context())
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assert.NotContains(t, f.items, userItem)
		})
	}
}

func TestTheRevocationForASessionThatIsWrittenBackIsTheCallers(t *testing.T) {
	f := newFake()
	o := options()
	o.WrittenBack = func(u User) (storage.Record, error) {
		r := revocation("written back")
		r.Data = []byte(u.RefreshToken)
		return r, nil
	}
	s := f.open(t, o)
	u := save(t, s, alice(now))
	_, err := s.DeleteUser(t.Context(), u.Revision)
	require.NoError(t, err)
	f.writes(t, alice(now.Add(time.Second)))
	_, err = s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.Equal(t, []string{"written back"}, claim(t, s, time.Minute))
}

func TestASessionThatBeginsAfterTheEndOfAnotherStays(t *testing.T) {
	inBubble := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	inBubble("by the JavaScript SDK", func(t *testing.T) {
		clock := now
		o := options()
		o.Now = func() time.Time { return clock }
		f := newFake()
		s := f.open(t, o)
		u := save(t, s, alice(now))
		_, err := s.DeleteUser(t.Context(), u.Revision)
		require.NoError(t, err)
		clock = clock.Add(writtenBackWithin + time.Second)
		next := alice(now.Add(writtenBackWithin + time.Second))
		f.writes(t, next)
		got, err := s.LoadUser(t.Context())
		require.NoError(t, err)
		assert.True(t, got.sameTokens(next))
	})
	inBubble("here", func(t *testing.T) {
		f := newFake()
		s := f.open(t, options())
		u := save(t, s, alice(now))
		_, err := s.DeleteUser(t.Context(), u.Revision)
		require.NoError(t, err)
		assertLoads(t, s, save(t, s, alice(now)))

		require.NoError(t, f.remove(userItem))
		_, err = s.LoadUser(t.Context())
		assert.ErrorIs(t, err, storage.ErrNotFound)
		f.writes(t, alice(now))
		_, err = s.LoadUser(t.Context())
		assert.NoError(t, err, "the end of the first is history")
	})
	inBubble("long after", func(t *testing.T) {
		clock := now
		o := options()
		o.Now = func() time.Time { return clock }
		f := newFake()
		s := f.open(t, o)
		u := save(t, s, alice(now))
		_, err := s.DeleteUser(t.Context(), u.Revision)
		require.NoError(t, err)
		assert.NotEmpty(t, f.document)
		clock = clock.Add(rememberEnded + time.Second)
		time.Sleep(2 * propagation)
		_, err = s.LoadUser(t.Context())
		assert.ErrorIs(t, err, storage.ErrNotFound)
		assert.Empty(t, f.document, "nothing is left")
	})
}

func TestAUserThatMakesNoSenseIsRemoved(t *testing.T) {
	whole, _, err := formatUser(alice(now))
	require.NoError(t, err)
	for name, damaged := range map[string]string{
		"cut short":  whole[:len(whole)/2],
		"no JSON":    "undefined",
		"null":       "null",
		"a list":     "[]",
		"no profile": `{"access_token": "a"}`,
		"no sub":     `{"access_token": "a", "profile": {}}`,
		"sub":        `{"access_token": "a", "profile": {"sub": 1}}`,
		"no tokens":  `{"profile": {"sub": "alice"}}`,
		"a token":    `{"access_token": ["secret"], "profile": {"sub": "alice"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			var log bytes.Buffer
			o := options()
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s := f.open(t, o)
			save(t, s, alice(now))
			f.items[userItem] = damaged
			_, err := s.LoadUser(t.Context())
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assert.NotContains(t, f.items, userItem)
			assert.Contains(t, log.String(), "makes no sense")
			assert.NotContains(t, log.String(), "secret")
			assertLoads(t, s, save(t, s, alice(now)))
		})
	}
}

func TestLogoutClearsWhatTheJavaScriptSDKLeavesBehind(t *testing.T) {
	login := func(domain, client string, created time.Time) string {
		state, err := json.Marshal(map[string]any{"authority": domain, "client_id": client, "created": created.Unix(), "code_verifier": "v"})
		require.NoError(t, err)
		return string(state)
	}
	const domain = "https://auth.immutable.com"
	old := now.Add(-loginStale - time.Second)
	kept := map[string]string{
		"oidc.young":              login(domain, "app", now),
		"oidc.of another app":     login(domain, "other", old),
		"oidc.of another domain":  login("https://example.com", "app", old),
		"oidc.user:elsewhere:app": "{}",
		"mine":                    login(domain, "app", old),
	}
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	for name, value := range kept {
		f.items[name] = value
	}
	f.items["pkce_state"], f.items["pkce_verifier"] = "s", "v"
	f.items["oidc.abandoned"] = login(domain, "app", old)
	_, err := s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Minute)
	require.NoError(t, err)
	assert.Equal(t, kept, f.items)
}

func TestAListenerNoticesTheEndOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := f.open(t, options())
		w := s.watchUser(t.Context())
		assert.False(t, w.hasEnded(t.Context()), "there was none")
		f.writes(t, alice(now))
		assert.False(t, w.hasEnded(t.Context()), "it has begun")
		f.writes(t, alice(now.Add(time.Minute)))
		assert.False(t, w.hasEnded(t.Context()), "it has been refreshed")
		bob := alice(now)
		bob.IDToken = idToken(map[string]any{"sub": "bob"})
		f.writes(t, bob)
		assert.True(t, w.hasEnded(t.Context()), "another is in its place")
		require.NoError(t, f.remove(userItem))
		assert.True(t, w.hasEnded(t.Context()))
		assert.False(t, w.hasEnded(t.Context()), "that has been told")
	})
}
