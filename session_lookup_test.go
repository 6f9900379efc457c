package passport_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

// user is whom the stand-in signs in.
const user = "email|00000000000000000000a11c"

// logoutSite is a site whose store tells what is asked of it, with a user who is
// signed in, and their cookie.
func logoutSite(t *testing.T) (p *passport.Passport, cookie string, asked func() []string) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	cookie = s.signedIn().cookie("passport")
	var mu sync.Mutex
	var calls []string
	faulty.hook(func(method, _ string) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, method)
	})
	return s.p, cookie, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
}

func TestALogoutIsOneRoundTripToTheStore(t *testing.T) {
	p, cookie, asked := logoutSite(t)
	w := record(p.Handler(http.HandlerFunc(p.Logout)).ServeHTTP, "POST", "/logout", "Cookie", "passport="+cookie)
	assert.Equal(t, http.StatusSeeOther, w.Code)
	assert.Equal(t, []string{"DeleteAndEnqueue"}, asked())
}

func TestWhoeverAsksAtALogoutIsToldWhoItIs(t *testing.T) {
	for name, row := range map[string]struct {
		before, after bool
	}{"before": {before: true}, "after": {after: true}, "before and after": {before: true, after: true}} {
		p, cookie, asked := logoutSite(t)
		around := func(w http.ResponseWriter, r *http.Request) {
			if row.before {
				assert.Equal(t, user, passport.SessionFrom(r.Context()).Subject(), name)
			}
			p.Logout(w, r)
			if row.after {
				session := passport.SessionFrom(r.Context())
				assert.Equal(t, user, session.Subject(), name)
				profile, err := session.Profile(r.Context())
				assert.NoError(t, err, name)
				assert.Equal(t, "alice@example.com", profile.Email, name)
			}
		}
		w := record(p.Handler(http.HandlerFunc(around)).ServeHTTP, "POST", "/logout", "Cookie", "passport="+cookie)
		assert.Equal(t, http.StatusSeeOther, w.Code)
		assert.Len(t, asked(), map[bool]int{true: 2, false: 1}[row.before], name)

		late := func(_ http.ResponseWriter, r *http.Request) { assert.Nil(t, passport.SessionFrom(r.Context())) }
		record(p.Handler(http.HandlerFunc(late)).ServeHTTP, "POST", "/logout", "Cookie", "passport="+cookie)
	}
}

func TestTheContextOfALogoutKeepsItsSecret(t *testing.T) {
	p, cookie, _ := logoutSite(t)
	look := func(_ http.ResponseWriter, r *http.Request) {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			assert.NotContains(t, fmt.Sprintf(format, r.Context()), cookie, format)
			assert.NotContains(t, fmt.Sprintf(format, r.WithContext(r.Context())), "Secret(", format)
		}
	}
	record(p.Handler(http.HandlerFunc(look)).ServeHTTP, "POST", "/logout", "Cookie", "passport="+cookie)
}

func TestALogoutIsNotHeldUpByWhoAsksForItsSession(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	cookie := s.signedIn().cookie("passport")
	asking, answer := make(chan struct{}), make(chan struct{})
	faulty.hook(func(method, _ string) {
		if method == "Load" {
			close(asking)
			<-answer
		}
	})
	var asked sync.WaitGroup
	w := record(s.p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Go(func() { assert.Nil(t, passport.SessionFrom(r.Context()), "it is gone by now") })
		<-asking
		s.p.Logout(w, r) // would wait for ever
	})).ServeHTTP, "POST", "/logout", "Cookie", "passport="+cookie)
	assert.Equal(t, http.StatusSeeOther, w.Code)
	close(answer)
	asked.Wait()
	s.revoked(1)
}

func TestAStoreThatDoesNotAnswerOnceIsAskedAgain(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	cookie := s.signedIn().cookie("passport")
	record(s.p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		faulty.fail("Load")
		assert.Nil(t, passport.SessionFrom(r.Context()))
		faulty.fail()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { assert.Equal(t, user, passport.SessionFrom(r.Context()).Subject()) })
		}
		both.Wait()
		faulty.fail("Load")
		s.p.Logout(w, r)
		assert.Equal(t, user, passport.SessionFrom(r.Context()).Subject())
	})).ServeHTTP, "POST", "/logout", "Cookie", "passport="+cookie)
}

func TestALogoutTellsNoOtherPassportWhatItHasRemoved(t *testing.T) {
	key := func(c *passport.Config) { c.EncryptionKeys = someKey() }
	mine, theirs := newSite(t, key), newSite(t, key, func(c *passport.Config) { c.CookieName = "theirs" })
	cookie := theirs.signedIn().cookie("theirs")
	want, err := theirs.p.Session(t.Context(), passport.Secret(cookie))
	require.NoError(t, err)
	h := mine.p.Handler(theirs.p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mine.p.Logout(w, r)
		assert.Equal(t, want.ID(), passport.SessionFrom(r.Context()).ID())
	})))
	both := "passport=" + mine.signedIn().cookie("passport") + "; theirs=" + cookie
	w := record(h.ServeHTTP, "POST", "/logout", "Cookie", both)
	assert.Equal(t, http.StatusSeeOther, w.Code)
}

// TestALogoutTellsAllWhoAskAround has a Handler around everything and another
// around a part of it.
func TestALogoutTellsAllWhoAskAround(t *testing.T) {
	p, cookie, asked := logoutSite(t)
	inside := p.Handler(http.HandlerFunc(p.Logout))
	outside := p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside.ServeHTTP(w, r)
		if session := passport.SessionFrom(r.Context()); assert.NotNil(t, session) {
			assert.Equal(t, user, session.Subject())
		}
	}))
	w := record(outside.ServeHTTP, "POST", "/logout", "Cookie", "passport="+cookie)
	assert.Equal(t, http.StatusSeeOther, w.Code)
	assert.Equal(t, []string{"DeleteAndEnqueue"}, asked())
}

func TestWhatIsAtTheLogoutsPathIsNotStored(t *testing.T) {
	p, cookie, _ := logoutSite(t)
	w := record(p.Handler(http.HandlerFunc(who)).ServeHTTP, "GET", "/logout", "Cookie", "passport="+cookie)
	assert.Equal(t, user, w.Body.String())
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
}

func TestTheFirstRequestOfASessionOpensNothing(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, func(c *passport.Config) { c.Store = store })
	in := passporttest.NewSession(t, s.p, passporttest.User{Subject: user})
	rec, err := store.Load(t.Context(), passport.SessionFrom(in.Context(t.Context())).ID())
	require.NoError(t, err)
	assert.NotNil(t, rec.Decoded(), "the login has left the head open")
}
