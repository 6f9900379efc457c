package passport_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

var plain = passport.LoginOptions{}

// refused requires that a login ended with ErrNoLogin, without its code having gone
// out, and that the next one works.
func (b *browser) refused(c carrier, r reply, codes int) {
	b.s.t.Helper()
	assert.True(b.s.t, r.failed, "no session begins")
	assert.Regexp(b.s.t, "no such login|no longer valid", r.text)
	assert.False(b.s.t, c.signedIn())
	assert.Equal(b.s.t, codes, b.s.codes(), "codes that went out")
	b.s.clock.add(3 * time.Second)
	b.signInWith(c)
	assert.Empty(b.s.t, b.s.auth.Incidents())
}

// At a shared computer: somebody leaves a login in a tab, the user signs in and out
// silently in another, and the first goes on. The Passport session lives on, so
// nobody is asked for anything.
func TestALoginThatIsLeftInATabDoesNotEndAfterALogout(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		left := delivered(c.login(plain))
		b.signInWith(c)
		delivered(c.logout())
		b.refused(c, delivered(c.callback(b.link(left))), 1)
	}, silent)
}

func TestALoginWhoseResponseComesAfterALogoutDoesNotEnd(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		left := c.login(plain) // of a browser that has nothing yet
		b.signInWith(c)
		delivered(c.logout())
		left.deliver()
		b.refused(c, delivered(c.callback(b.link(left))), 1)
	}, silent)
	t.Run("of a user who was signed in", func(t *testing.T) {
		eachCarrier(t, func(t *testing.T, s *site, c carrier) {
			b := s.browser()
			b.signInWith(c)
			c.forget()
			before := c.copied()
			left := before.login(plain)
			delivered(c.logout())
			left.deliver() // into the copy, which knows of no logout
			b.refused(before, delivered(before.callback(b.link(left))), 1)
		}, silent)
	})
}

// A request that is on its way while the browser logs out brings what the browser
// had before.
func TestACallbackThatALogoutOvertakesDoesNotSignIn(t *testing.T) {
	for name, ready := range map[string]func(*browser, carrier){
		"of a user who was signed in": (*browser).signInWith,
		"of one who was not":          func(*browser, carrier) {},
	} {
		t.Run(name, func(t *testing.T) {
			eachCarrier(t, func(t *testing.T, s *site, c carrier) {
				b := s.browser()
				ready(b, c)
				codes := s.codes()
				link := b.link(delivered(c.login(plain)))
				before := c.copied()
				before.at(newPassport(t, s.c)) // another instance has it
				delivered(c.logout())
				r := before.callback(link)
				require.True(t, r.failed)
				require.True(t, before.callback(link).failed, "nor if the page is loaded again")
				b.refused(c, r, codes)
			}, silent, shared)
		})
	}
}

// shared has a store that other instances can share.
func shared(c *passport.Config) {
	c.Store, c.EncryptionKeys = memory.New(memory.Options{Now: c.Now}), someKey()
}

// Between the end of a login and its response, the browser does not know of its
// session yet.
func TestASessionWhoseResponseIsUnderWayEndsWithTheLogout(t *testing.T) {
	for name, deliver := range map[string]func(login, logout reply){
		"the login's response comes last":  func(in, out reply) { out.deliver(); in.deliver() },
		"the logout's response comes last": func(in, out reply) { in.deliver(); out.deliver() },
	} {
		t.Run(name, func(t *testing.T) {
			eachCarrier(t, func(t *testing.T, s *site, c carrier) {
				b := s.browser()
				link := b.link(delivered(c.login(plain)))
				in := c.callback(link)
				require.False(t, in.failed)
				out := c.logout()
				deliver(in, out)
				assert.False(t, c.signedIn())
				list, err := s.p.Sessions(t.Context(), passporttest.DefaultUser().Subject)
				require.NoError(t, err)
				assert.Empty(t, list)
				s.revoked(1)
				b.refused(c, c.callback(link), 1)
			}, silent)
		})
	}
}

func TestALogoutWithoutASessionSaysThatItHasEndedOneWhoseResponseIsUnderWay(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	v := &verbCarrier{s: s, p: s.p}
	require.False(t, v.callback(b.link(delivered(v.login(plain)))).failed)
	l, after, err := s.p.EndBrowserSession(t.Context(), v.jar.state())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, 1, l.Ended)
	assert.Equal(t, passport.BrowserState{Logout: l.State}, after)
}

// A login whose response was under way during the logout brings back a binding that
// is retired.
func TestABindingThatIsRetiredIsNotUsedAgain(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		b.signInWith(c)
		late := c.login(plain)
		delivered(c.logout())
		late.deliver()
		s.clock.add(3 * time.Second)
		b.signInWith(c)
	}, silent)
}

func TestTabsOfAUserWhoIsSignedInSignInOneAfterTheOther(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		b.signInWith(c)
		var links []string
		for range 4 {
			links = append(links, b.link(delivered(c.login(plain))))
		}
		for _, link := range links { // each takes the place of the session before
			r := delivered(c.callback(link))
			require.False(t, r.failed, r.text)
			require.True(t, c.signedIn())
		}
	})
}

// An expired session is no logout.
func TestALoginOutlastsTheExpiryOfTheSessionBefore(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		b.signInWith(c)
		link := b.link(delivered(c.login(plain)))
		s.clock.add(6 * time.Minute)
		r := delivered(c.callback(link))
		require.False(t, r.failed, r.text)
	}, func(c *passport.Config) { c.SessionLifetime = 5 * time.Minute })
}

// A store that is down must not let a login in that was begun before the logout.
func TestALogoutThatTheStoreCannotCarryOutStopsTheLoginsWhenItIsBack(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		faulty.fail()
		b := s.browser()
		left := delivered(c.login(plain)) // of a browser that had no session yet
		b.signInWith(c)
		codes := s.codes()
		link := b.link(left)
		before := c.copied()
		faulty.fail("DeleteAndEnqueue", "Delete", "DeleteMatching", "Save")
		assert.Equal(t, passport.OutcomeFailed, delivered(c.logout()).account.App)
		assert.False(t, before.signedIn() && c.signedIn(), "the browser has forgotten its session")

		faulty.fail() // and nobody has tried again yet
		b.refused(c, before.callback(link), codes)
	}, silent, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
}

func TestStrangersFillNoStoreWithLogouts(t *testing.T) {
	store := memory.New(memory.Options{Limit: 1500})
	s := newSite(t, func(c *passport.Config) { c.Store = store })
	for range 2000 {
		v := &verbCarrier{s: s, p: s.p}
		delivered(v.login(plain))
		delivered(v.logout())
	}
	s.signedIn()
}

// The logout comes between the session and the note by which a logout would find it.
func TestALoginIsNotFinishedWhileNobodyCanTellWhetherALogoutHasCome(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	b := s.browser()
	v := &verbCarrier{s: s, p: s.p}
	link, state := b.link(delivered(v.login(plain))), v.jar.state()
	saves := 0
	store.hook(func(method, _ string) {
		if method != "Save" {
			return
		}
		if saves++; saves == 2 { // the session
			store.hook(nil)
			_, _, err := s.p.EndBrowserSession(t.Context(), state)
			assert.NoError(t, err)
			store.fail("Save")
		}
	})
	assert.True(t, v.callback(link).failed)
	assert.Equal(t, 2, saves)
	assert.Zero(t, v.jar.state().Session)
}
