//go:build !js

package localstorage

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// byToken names the revocation for the token that it is about.
func byToken(u User) (storage.Record, error) { return revocation(u.RefreshToken), nil }

func TestASignOutEndsTheSessionBeforeTheDatabaseKnows(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	before := f.document
	require.NoError(t, s.SignOut("first"))
	assert.Equal(t, before, f.document)
	assert.NotContains(t, f.items, userItem)
	for _, tab := range []*Store{s, f.open(t, options())} {
		_, err := tab.LoadUser(t.Context())
		assert.ErrorIs(t, err, storage.ErrNotFound)
	}

	var got User
	queued, err := s.CompleteSignOut(t.Context(), func(u User) (storage.Record, error) { got = u; return byToken(u) }, time.Minute)
	require.NoError(t, err)
	assert.True(t, equal(u, got), "with what stood beside it")
	assert.Equal(t, u.RefreshToken, queued.Record.ID)
	_, err = s.CompleteSignOut(t.Context(), byToken, time.Minute)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	require.NoError(t, s.ForgetSignOut("another"))
	assert.NotEmpty(t, f.items)
	require.NoError(t, s.ForgetSignOut("first"))
	assert.Empty(t, f.items)
	_, err = s.CompleteSignOut(t.Context(), byToken, time.Minute)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.Equal(t, []string{u.RefreshToken}, claim(t, s, time.Hour))
}

func TestASignOutOfNobodyOwesNothing(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	require.NoError(t, s.SignOut("first"))
	logout, _, err := s.PendingSignOut()
	require.NoError(t, err)
	assert.Equal(t, "first", logout)
	_, err = s.CompleteSignOut(t.Context(), byToken, time.Minute)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	require.NoError(t, s.ForgetSignOut("first"))
	assert.Empty(t, f.items)
}

// Another tab signs out as soon as it hears of the first. The token is not lost, even
// if there is no room for the second name.
func TestASecondSignOutKeepsWhatTheFirstHasTaken(t *testing.T) {
	for name, spare := range map[string]int{"room": 1000, "no room": -1} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			s, other := f.open(t, options()), f.open(t, options())
			u := save(t, s, alice(now))
			require.NoError(t, s.SignOut("first"))
			f.room = f.used("") + spare
			require.NoError(t, other.SignOut("second-longer"))
			f.room = 0
			for _, tab := range []*Store{s, other} {
				_, err := tab.CompleteSignOut(t.Context(), byToken, time.Minute)
				if tab == s {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, storage.ErrNotFound)
				}
			}
			require.NoError(t, s.ForgetSignOut("first"))
			require.NoError(t, other.ForgetSignOut("second-longer"))
			assert.Empty(t, f.items)
			assert.Equal(t, []string{u.RefreshToken}, claim(t, s, time.Hour))
		})
	}
}

// A script signs the user in again before the first logout is completed.
func TestASignOutKeepsTheTokenOfAnotherSession(t *testing.T) {
	for name, spare := range map[string]int{"room": 1000, "no room": -1} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			s := f.open(t, options())
			var tokens []string
			for i, logout := range []string{"first", "second-longer"} {
				u := alice(now)
				u.RefreshToken += logout
				tokens = append(tokens, save(t, s, u).RefreshToken)
				if i > 0 {
					f.room = f.used("") + spare
				}
				require.NoError(t, s.SignOut(logout))
				require.NoError(t, s.SignOut(logout), "by another tab")
				f.room = 0
			}
			queued, err := s.CompleteSignOut(t.Context(), byToken, time.Minute)
			require.NoError(t, err)
			assert.Equal(t, tokens[1], queued.Record.ID)
			_, err = s.CompleteSignOut(t.Context(), byToken, time.Minute)
			require.ErrorIs(t, err, storage.ErrNotFound)
			require.NoError(t, s.ForgetSignOut("second-longer"))
			assert.Empty(t, f.items)
			assert.ElementsMatch(t, tokens, claim(t, s, time.Hour))
		})
	}
}

func TestASignOutKeepsAFewSessions(t *testing.T) {
	var kept signOut
	for at := range time.Duration(10) {
		item, _, err := formatUser(alice(now.Add(at * time.Second)))
		require.NoError(t, err)
		kept = parseSignOut(signOut{logout: "one", at: now, item: item}.after(kept).String())
	}
	require.Len(t, kept.earlier, 3)
	for i, item := range kept.earlier {
		u, err := parseUser(item)
		require.NoError(t, err)
		assert.Equal(t, alice(now.Add(time.Duration(6+i)*time.Second)).RefreshToken, u.RefreshToken)
	}
}

// What waits already is not lost to the same session once more, nor to none.
func TestASignOutAfterAnotherKeepsWhatWaits(t *testing.T) {
	item := func(token string) string {
		u := alice(now)
		u.RefreshToken = token
		text, _, err := formatUser(u)
		require.NoError(t, err)
		return text
	}
	a, b := item("a"), item("b")
	pending := signOut{logout: "first", at: now, item: a, earlier: []string{leastItem(b)}}
	for name, c := range map[string]struct {
		item, kept string
		earlier    []string
	}{
		"the same, written back":  {a, a, pending.earlier},
		"none":                    {"", a, pending.earlier},
		"one that makes no sense": {"{", a, pending.earlier},
		"another":                 {b, b, []string{leastItem(b), leastItem(a)}},
	} {
		next := signOut{logout: "second", at: now.Add(time.Hour), item: c.item}.after(pending)
		assert.Equal(t, "second", next.logout, name)
		assert.Equal(t, c.kept, next.item, name)
		assert.Equal(t, c.earlier, next.earlier, name)
	}
}

// Whatever step the page does not come to any more, the session has ended and its
// token is enqueued once the next page has completed it.
func TestASignOutIsMadeUpForByTheNextPage(t *testing.T) {
	signOut := func(s *Store) error {
		_, err := s.CompleteSignOut(t.Context(), byToken, time.Minute)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		return s.ForgetSignOut("first")
	}
	for crashAt := 2; crashAt <= 6; crashAt++ {
		f := newFake()
		u := save(t, f.open(t, options()), alice(now))
		f.steps, f.crashAt = 0, crashAt
		s := f.open(t, options())
		if s.SignOut("first") == nil {
			_ = signOut(s)
		}
		f.crashAt = 0
		next := f.open(t, options())
		if logout, _, _ := next.PendingSignOut(); logout != "" {
			require.NoError(t, signOut(next))
		}
		assert.Empty(t, f.items, "step %d", crashAt)
		assert.Equal(t, []string{u.RefreshToken}, claim(t, next, time.Hour), "step %d", crashAt)
	}
}

func TestASignOutEndsNoLaterSession(t *testing.T) {
	clock := now
	o := options()
	o.Now = func() time.Time { return clock }
	f := newFake()
	s := f.open(t, o)
	old := save(t, s, alice(now))
	require.NoError(t, s.SignOut("first"))
	clock = clock.Add(10 * time.Second)
	u := save(t, s, alice(clock))
	_, err := s.CompleteSignOut(t.Context(), byToken, time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.ForgetSignOut("first"))
	assertLoads(t, s, u)
	assert.Equal(t, []string{old.RefreshToken}, claim(t, s, time.Hour))
}

// By the clock, which was put back, the session has begun after its end.
func TestASignOutEndsASessionOfAClockThatWasAhead(t *testing.T) {
	f := newFake()
	u := save(t, f.open(t, options()), alice(now))
	o := options()
	o.Now = func() time.Time { return now.Add(-2 * time.Hour) }
	s := f.open(t, o)
	item := f.items[userItem]
	require.NoError(t, s.SignOut("first"))
	var got User
	_, err := s.CompleteSignOut(t.Context(), func(u User) (storage.Record, error) { got = u; return byToken(u) }, time.Minute)
	require.NoError(t, err)
	assert.True(t, equal(u, got), "with what stood beside it")
	require.NoError(t, s.ForgetSignOut("first"))

	f.items[userItem] = item // by a page that was waiting for a refresh
	_, err = s.LoadUser(t.Context())
	require.ErrorIs(t, err, storage.ErrNotFound)
	assert.Empty(t, f.items)
}

// Another tab has yet to hear that the item has gone, and puts refreshed tokens in
// its place.
func TestASignOutEndsWhatATabThatLagsBehindWrites(t *testing.T) {
	clock := now.Add(-time.Hour)
	o := options()
	o.Now = func() time.Time { return clock }
	f := newFake()
	s := f.open(t, o)
	u := save(t, s, alice(clock))
	item := f.items[userItem]
	clock = now
	require.NoError(t, s.SignOut("first"))
	require.NoError(t, f.set(userItem, item))
	renewed := u
	renewed.RefreshToken = "refreshed"
	save(t, s, renewed)
	_, err := s.CompleteSignOut(t.Context(), byToken, time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.ForgetSignOut("first"))
	_, err = s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.NotContains(t, f.items, userItem)
	assert.Len(t, claim(t, s, time.Hour), 2, "both tokens")
}

func TestASignOutNeedsNoRoom(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	u := save(t, s, alice(now))
	f.room = len(f.items[userItem])
	require.NoError(t, s.SignOut("first"))
	assert.NotContains(t, f.items, userItem)
	f.room = 0
	queued, err := s.CompleteSignOut(t.Context(), byToken, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, u.RefreshToken, queued.Record.ID)
}
