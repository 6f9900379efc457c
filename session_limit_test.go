package passport_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

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
