//go:build !js

package localstorage

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		o := options()
		o.Now = now
		return withoutNotices(newFake().open(t, o))
	})
}

// withoutNotices hides that s is a Notifier, for which it takes a browser.
func withoutNotices(s *Store) storage.TokenStore {
	return struct {
		storage.TokenStore
		storage.Lister
		storage.RevocationQueue
	}{s, s, s}
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	_, err := s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)

	want := alice(now)
	saved := save(t, s, want)
	want.Subject, want.SID, want.Revision = "alice", "s1", saved.Revision
	assert.True(t, equal(want, saved))
	loaded, err := f.open(t, options()).LoadUser(t.Context())
	require.NoError(t, err)
	assert.True(t, equal(want, loaded))

	renewed := alice(now.Add(time.Minute))
	renewed.Revision = saved.Revision
	renewed = save(t, s, renewed)
	assert.Greater(t, renewed.Revision, saved.Revision)
	_, err = s.SaveUser(t.Context(), saved)
	assert.ErrorIs(t, err, storage.ErrConflict)
	_, err = s.SaveUser(t.Context(), want)
	assert.ErrorIs(t, err, storage.ErrConflict)
}

func TestASessionIsChangedOnlyByThoseWhoKnowIt(t *testing.T) {
	s := newFake().open(t, options())
	_, err := s.DeleteUser(t.Context(), 1)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	u := alice(now)
	u.Revision = 1
	_, err = s.SaveUser(t.Context(), u)
	assert.ErrorIs(t, err, storage.ErrNotFound)

	u = save(t, s, alice(now))
	_, err = s.DeleteUser(t.Context(), u.Revision+1)
	assert.ErrorIs(t, err, storage.ErrConflict)
	_, err = s.DeleteUserAndEnqueue(t.Context(), u.Revision+1, revocation("a"), time.Minute)
	assert.ErrorIs(t, err, storage.ErrConflict)
	assert.Empty(t, claim(t, s, time.Hour))

	deleted, err := s.DeleteUser(t.Context(), u.Revision)
	require.NoError(t, err)
	assert.True(t, equal(u, deleted))
	_, err = s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.SaveUser(t.Context(), u)
	assert.ErrorIs(t, err, storage.ErrNotFound, "nothing brings it back")
}

func TestASessionThatEndsLeavesItsRevocation(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	enqueued, err := s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Minute)
	require.NoError(t, err)
	assert.Equal(t, revocation("a"), enqueued.Record)
	assert.NotContains(t, f.items, userItem)
	assert.Empty(t, claim(t, s, 0), "it is leased")
	assert.Equal(t, []string{"a"}, claim(t, s, time.Minute))

	u = save(t, s, alice(now))
	_, err = s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Minute)
	assert.ErrorIs(t, err, storage.ErrConflict, "it is enqueued already")
	assertLoads(t, s, u)
}

func TestTwoSessionsHaveNoRevisionInCommon(t *testing.T) {
	clock := now
	o := options()
	o.Now = func() time.Time { return clock }
	s := newFake().open(t, o)
	first := save(t, s, alice(now))
	for range 10 {
		first = save(t, s, first)
	}
	_, err := s.DeleteUser(t.Context(), first.Revision)
	require.NoError(t, err)
	clock = clock.Add(time.Second)
	second := save(t, s, alice(now))
	assert.Greater(t, second.Revision, first.Revision)
}

func TestOnlyWhatChangesIsWritten(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	f.writes(t, alice(now))
	u, err := s.LoadUser(t.Context())
	require.NoError(t, err)
	item := f.items[userItem]
	f.full = true // for items
	u.Extra = []byte("more")
	assertLoads(t, s, save(t, s, u))
	assert.Equal(t, item, f.items[userItem])
}

// Others have refreshed the tokens, which the database has no room to note.
func TestALookNeedsNoRoom(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	renewed := alice(now.Add(time.Minute))
	f.writes(t, renewed)
	f.documentFull = true
	got, err := s.LoadUser(t.Context())
	require.NoError(t, err)
	assert.Equal(t, renewed.RefreshToken, got.RefreshToken)
	assert.Equal(t, u.Revision+1, got.Revision)
}

func TestStorageThatIsFullChangesNothing(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	f.full = true
	_, err := s.SaveUser(t.Context(), alice(now))
	assert.ErrorIs(t, err, storage.ErrFull)
	_, err = s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)

	f.full = false
	u := save(t, s, alice(now))
	f.full = true
	renewed := alice(now.Add(time.Minute))
	renewed.Revision = u.Revision
	_, err = s.SaveUser(t.Context(), renewed)
	assert.ErrorIs(t, err, storage.ErrFull)
	assertLoads(t, s, u)
	_, err = s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Minute)
	assert.NoError(t, err, "which takes no room")
}

func TestASessionExpires(t *testing.T) {
	clock := now
	o := options()
	o.Now = func() time.Time { return clock }
	f := newFake()
	s := f.open(t, o)
	u := save(t, s, alice(now))
	clock = u.Expiry
	_, err := s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.NotContains(t, f.items, userItem, "nor does the JavaScript SDK find it")
	_, err = s.SaveUser(t.Context(), u)
	assert.ErrorContains(t, err, "User.Expiry has passed")

	clock = now
	f.writes(t, alice(now))
	u, err = s.LoadUser(t.Context())
	require.NoError(t, err)
	assert.Equal(t, now.Add(30*24*time.Hour), u.Expiry, "the default for one that the JavaScript SDK began")
}

func TestALateChangeIsUndoneWhenItCannotBeNoted(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	renewed := alice(now.Add(time.Minute))
	renewed.Revision = u.Revision
	f.refuseDocument = true
	_, err := s.SaveUser(t.Context(), renewed)
	assert.ErrorIs(t, err, errRefused)
	f.refuseDocument = false
	assertLoads(t, s, u)
}

// After each step at which a tab can come to its end there is a session, or none
// and its revocation.
func TestATabThatComesToItsEndLeavesNothingHalfDone(t *testing.T) {
	renewed := alice(now.Add(time.Minute))
	for name, act := range map[string]func(t *testing.T, s *Store, u User) error{
		"SaveUser": func(t *testing.T, s *Store, u User) error {
			renewed.Revision = u.Revision
			_, err := s.SaveUser(t.Context(), renewed)
			return err
		},
		"DeleteUser": func(t *testing.T, s *Store, u User) error {
			_, err := s.DeleteUser(t.Context(), u.Revision)
			return err
		},
		"DeleteUserAndEnqueue": func(t *testing.T, s *Store, u User) error {
			_, err := s.DeleteUserAndEnqueue(t.Context(), u.Revision, revocation("a"), time.Minute)
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) { crashEverywhere(t, name, renewed, act) })
	}
}

func crashEverywhere(t *testing.T, name string, renewed User, act func(*testing.T, *Store, User) error) {
	for crashAt, crashed := 1, true; crashed; crashAt++ {
		f := newFake()
		s := f.open(t, options())
		u := save(t, s, alice(now))
		f.items["pkce_state"] = "left behind"
		f.steps, f.crashAt = 0, crashAt
		err := act(t, s, u)
		crashed = f.steps >= crashAt
		f.crashAt = 0

		after := f.open(t, options())
		found, loadErr := after.LoadUser(t.Context())
		enqueued := claim(t, after, time.Hour)
		switch at := []any{"%s, step %d", name, crashAt}; {
		case loadErr == nil:
			assert.True(t, name == "SaveUser" || crashed, at...)
			assert.True(t, found.sameTokens(u) || found.sameTokens(renewed), at...)
			assert.Equal(t, u.Extra, found.Extra, at...)
			assert.Empty(t, enqueued, at...)
		default:
			assert.ErrorIs(t, loadErr, storage.ErrNotFound, at...)
			assert.NotEqual(t, "SaveUser", name, at...)
			assert.NotContains(t, f.items, userItem, at...)
			assert.Equal(t, name == "DeleteUserAndEnqueue", len(enqueued) == 1, at...)
		}
		if err == nil && !crashed && name != "SaveUser" {
			assert.Empty(t, f.items, "%s clears up", name)
		}
	}
}
