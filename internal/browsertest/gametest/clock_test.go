package gametest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// newClockSite is at a provider whose ID tokens are valid for five minutes, from the moment
// at which they are issued, as those of Azure AD B2C say.
func newClockSite(t testing.TB) *site {
	t.Helper()
	s := newSite(t, "auth.localhost")
	s.auth.Inject(passporttest.Fault{EditClaims: func(claims map[string]any) {
		claims["nbf"] = claims["iat"]
		claims["exp"] = time.Now().Add(5 * time.Minute).Unix()
	}})
	return s
}

func TestAClockThatIsWrongByLessThanTheLeewaySignsIn(t *testing.T) {
	for _, in := range []struct {
		ahead, leeway time.Duration
		refused       string
	}{
		{12 * time.Minute, 0, "it expired "},
		{12 * time.Minute, 10 * time.Minute, ""},
		{-8 * time.Minute, 0, "it is valid only in "},
		{-8 * time.Minute, 10 * time.Minute, ""},
		{-30 * time.Second, 0, ""},
		{-30 * time.Second, -1, "it is valid only in "},
	} {
		t.Run(fmt.Sprint(in.ahead, " with ", in.leeway), func(t *testing.T) {
			s := newClockSite(t)
			s.ahead, s.config["ClockLeeway"] = in.ahead, in.leeway
			g := s.open(browsertest.Open(t, browsertest.Blocked))
			if in.refused == "" {
				g.signIn()
				return
			}
			g.login()
			got := browsertest.Eval[string](g.Tab, `game.callback().then(() => "signed in", e => e.message)`)
			assert.Contains(t, got, in.refused)
			assert.Contains(t, got, "clock", "whoever reads it knows where to look")
			assert.Equal(t, nobody, g.who())
			s.revoked()
		})
	}
}

// Only what is between two moments of one clock counts, at Passport.
func TestADeviceWhoseClockIsHoursWrongSignsInAndOut(t *testing.T) {
	for _, ahead := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.ahead = ahead
			stale := s.shortLived()
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			stale()
			first := browsertest.Eval[string](g.Tab, `game.accessToken()`)
			g.home()
			assert.Equal(t, first, browsertest.Eval[string](g.Tab, `game.accessToken()`))
			assert.Len(t, s.auth.Requests(tokenPath), 2, "the login, and one refresh")

			require.Equal(t, "unconfirmed", g.logout().Passport)
			s.revoked()
			require.True(t, g.unfinished())
			passSeconds()
			g.signIn()
			assert.Equal(t, []string{"", "login"}, s.prompts())
			assert.False(t, g.unfinished())
		})
	}
}

// turn sets the clock of the device while the page is open.
func (g game) turn(ahead time.Duration) {
	g.s.t.Helper()
	g.s.ahead = ahead
	g.Run(fmt.Sprintf(`window.ahead = %d`, ahead.Milliseconds()))
}

func TestASessionOutlivesAClockThatJumps(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	g := s.signedIn(profile)
	other := s.open(profile)
	for _, ahead := range []time.Duration{2 * time.Hour, -2 * time.Hour, 3 * 24 * time.Hour, 0} {
		g.turn(ahead)
		other.turn(ahead)
		assert.Equal(t, "alice@example.com", g.who(), ahead)
		assert.NotEmpty(t, browsertest.Eval[string](g.Tab, `game.accessToken()`), ahead)
		assert.Equal(t, "alice@example.com", other.who(), ahead)
	}
	assert.LessOrEqual(t, len(s.auth.Requests(tokenPath)), 2, "a token of a day is refreshed once, three days ahead")
	assert.Empty(t, s.auth.Incidents())
	require.Equal(t, "done", g.logout().App)
	assert.Equal(t, nobody, other.who())
	s.revoked()
}

// A week is the default of IdleTimeout, by the device's clock. There is no way back.
func TestASessionEndsOnceTheClockPassesItsIdleTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]string{0: nobody, -1: "alice@example.com"} {
		t.Run(fmt.Sprint(timeout), func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.config["IdleTimeout"] = timeout
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			g.turn(8 * 24 * time.Hour)
			assert.Equal(t, want, g.who())
			g.turn(0)
			assert.Equal(t, want, g.who())
			g.signIn()
		})
	}
}

// A login is good for ten minutes by the device's clock.
func TestALoginThatAClockHasOvertakenIsBegunAgain(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.login()
	g.turn(2 * time.Hour)
	got := browsertest.Eval[string](g.Tab, `game.callback().then(() => "signed in", e => e.message)`)
	assert.Contains(t, got, passport.ErrNoLogin.Error())
	g.signIn()
}

// The session has begun later than it ends, by the device's clock, and a refresh of the
// JavaScript SDK's that was under way writes it back.
func TestASessionOfAClockThatWasAheadEndsForGood(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.ahead = 2 * time.Hour
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.turn(0)
	g.Run(keep)
	require.Equal(t, "done", g.logout().App)
	g.Run(writeBack)
	g.Wait(`!localStorage[key]`)
	assert.Equal(t, nobody, g.who())
	s.revoked()
	g.signIn()
}
