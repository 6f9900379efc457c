package native_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/storage/file"
)

// wallClock is the clock on the user's wall: it goes wrong, and goes on while the
// machine sleeps, when the system's timers stand still.
type wallClock struct{ ahead, asleep atomic.Int64 }

func (w *wallClock) now() time.Time {
	t := time.Now().Add(time.Duration(w.ahead.Load()))
	// A time.Time has two clocks, and no function sets only one of them.
	(*struct {
		wall, monotonic int64
		zone            *time.Location
	})(unsafe.Pointer(&t)).monotonic -= w.asleep.Load()
	return t
}

func (w *wallClock) set(ahead time.Duration) { w.ahead.Store(int64(ahead)) }

// sleep is set for a machine that has slept.
func (w *wallClock) sleep(d time.Duration) {
	w.asleep.Store(int64(d))
	w.set(d)
}

// withClock is a desktop whose session is in a file, as a program has it.
func withClock(t *testing.T) (*desktop, *wallClock, func(*native.Config)) {
	t.Helper()
	clock, path := &wallClock{}, filepath.Join(t.TempDir(), "session.json")
	use := func(c *native.Config) {
		store, err := file.New(path, file.Options{Now: clock.now})
		require.NoError(t, err)
		c.Store, c.Now = store, clock.now
	}
	return newDesktop(t, use), clock, use
}

func TestAClockThatIsMinutesOffSignsIn(t *testing.T) {
	for _, ahead := range []time.Duration{-11 * time.Hour, -10 * time.Minute, 5 * time.Minute} {
		d, clock, _ := withClock(t)
		clock.set(ahead)
		d.login(d.p)
		session, err := d.p.Session(t.Context())
		require.NoError(t, err, ahead)
		_, err = session.AccessToken(t.Context())
		require.NoError(t, err, ahead)
		l, err := d.p.Logout(t.Context())
		require.NoError(t, err, ahead)
		assert.Equal(t, passport.OutcomeDone, l.Passport)
	}
}

func TestAClockThatIsHoursAheadIsSaid(t *testing.T) {
	d, clock, _ := withClock(t)
	clock.set(48 * time.Hour)
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorContains(t, err, "this machine's clock is 48h0m")
	assert.ErrorContains(t, err, "ahead of the provider's")
	assert.Contains(t, d.shown().text, "The sign-in did not work")
	d.assertSignedOut(d.p)
	assert.Zero(t, d.live(), "the token is revoked")
}

// The laptop is closed while the browser shows the sign-in page.
func TestAShortSleepDoesNotEndALogin(t *testing.T) {
	d, clock, _ := withClock(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		clock.set(9 * time.Minute)
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
}

func TestALongSleepEndsALoginWithAPageThatSaysSo(t *testing.T) {
	d, clock, _ := withClock(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		back := d.back(browser, d.follow(browser, address))
		clock.set(8 * time.Hour)
		d.pages <- d.visit(browser, back)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, passport.ErrNoLogin)
	assert.Contains(t, d.shown().text, "This sign-in is no longer valid")
	assert.Empty(t, d.auth.RefreshTokens(), "the code was not redeemed")
	d.assertSignedOut(d.p)
	d.use(browser)
	d.login(d.p)
}

// The laptop is closed while the game runs, and the timers that its program measures
// time by stand still.
func TestATokenThatHasExpiredInASleepIsRefreshed(t *testing.T) {
	d, clock, _ := withClock(t)
	session := d.login(d.p)
	before, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	for _, slept := range []time.Duration{25 * time.Hour, 50 * time.Hour} { // the second is after a refresh
		clock.sleep(slept)
		now, err := session.AccessToken(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, before, now, slept)
		before = now
	}
}

// The program is updated while a login waits: the new one has the same files.
func TestAnUpdateInTheMiddleOfALogin(t *testing.T) {
	d, _, onFile := withClock(t)
	browser := d.auth.Browser()
	updated := d.run(onFile)
	d.surfBy(func(address string) {
		back := d.back(browser, d.follow(browser, address))
		d.use(browser)
		d.login(updated)
		_, err := updated.LogoutLocal(t.Context())
		assert.NoError(t, err)
		d.pages <- d.visit(browser, back)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, passport.ErrNoLogin, "the logout of the new one came later")
	assert.Contains(t, d.shown().text, "This sign-in is no longer valid")
	d.assertSignedOut(updated)
	d.assertSignedOut(d.p)
	assert.Zero(t, d.live())
	require.NoError(t, d.p.Close(t.Context()), "and the old one ends")
	d.login(updated)
	_, err = updated.Session(t.Context())
	require.NoError(t, err)
}

// Each instance has a port of its own, and the last login is the one that counts.
func TestASecondInstanceSignsInWhileTheFirstWaits(t *testing.T) {
	d, _, onFile := withClock(t)
	browser := d.auth.Browser()
	second := d.run(onFile)
	d.surfBy(func(address string) {
		d.use(browser)
		d.login(second)
		d.pages <- d.visit(browser, address)
	})
	first, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	for _, p := range []*native.Passport{d.p, second, d.run(onFile)} {
		session, err := p.Session(t.Context())
		require.NoError(t, err)
		assert.Equal(t, first.ID(), session.ID())
	}
	assert.Eventually(t, func() bool { return d.live() == 1 }, patience, time.Millisecond, "the other session has ended")
	assert.NotEqual(t, port(t, d.opened[0]), port(t, d.opened[1]))
}
