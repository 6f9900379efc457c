package native_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// newPushingDesktop signs in at a provider that takes only pushed requests (RFC 9126),
// so the login's address has no state.
func newPushingDesktop(t *testing.T) *desktop {
	t.Helper()
	d := newDesktopAt(t, passporttest.Options{AutoLogin: true, RequirePushedRequests: true})
	d.p = d.run(discovered(d))
	return d
}

func TestALoginWhoseRequestIsPushedIsFinished(t *testing.T) {
	d := newPushingDesktop(t)
	session := d.login(d.p)
	assert.Equal(t, passporttest.DefaultUser().Subject, session.Subject())
	require.Len(t, d.auth.Requests("/oauth/par"), 1)
	assert.Empty(t, d.auth.Requests("/authorize")[0].Query.Get("state"))

	l, err := d.p.Logout(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	d.shown()
	assert.Empty(t, d.auth.Sessions())
}

func TestWhatIsNotTheReturnFromAPushedLoginDoesNotEndIt(t *testing.T) {
	d := newPushingDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		authorize := d.follow(browser, address)
		back := d.auth.Requests("/oauth/par")[0].Form.Get("redirect_uri")
		for _, query := range []string{"", "?code=x&state=y", "?error=access_denied", "?error=access_denied&state="} {
			d.pages <- d.visit(browser, back+query)
		}
		d.pages <- d.visit(browser, authorize)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	for range 4 {
		assert.Equal(t, http.StatusBadRequest, d.shown().status)
	}
	assert.Contains(t, d.shown().text, "You are signed in")
}

func TestAPushedLoginThatTheUserDeclinesEnds(t *testing.T) {
	d := newPushingDesktop(t)
	d.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	var refused *passport.ProviderError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "access_denied", refused.Code)
}

// A pushed request is valid for half a minute at Auth0, and a user may take longer to
// copy the first page's URL from a terminal.
func TestABrowserThatIsOpenedLateGetsARequestOfItsOwn(t *testing.T) {
	late := func(by time.Duration) func(*wallClock) { return func(c *wallClock) { c.set(by) } }
	for name, row := range map[string]struct {
		late   func(*wallClock)
		fault  passporttest.Fault
		pushed int
	}{
		"at once":                                {late(0), passporttest.Fault{}, 1},
		"too late for the first request":         {late(4 * time.Minute), passporttest.Fault{}, 2},
		"after a sleep of the machine":           {func(c *wallClock) { c.sleep(4 * time.Minute) }, passporttest.Fault{}, 2},
		"after the clock was put back":           {late(-time.Hour), passporttest.Fault{}, 2},
		"late, and no other request can be made": {late(20 * time.Second), passporttest.Fault{Path: "/oauth/par", Status: http.StatusServiceUnavailable}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &wallClock{}
			d := newDesktopAt(t, passporttest.Options{AutoLogin: true, RequirePushedRequests: true, Now: clock.now})
			d.p = d.run(discovered(d), func(c *native.Config) { c.Now = clock.now })
			d.store.setNow(clock.now)
			browser := d.auth.Browser()
			d.surfBy(func(address string) {
				row.late(clock)
				d.auth.Inject(row.fault)
				d.pages <- d.visit(browser, address)
			})
			d.login(d.p)
			assert.Len(t, d.auth.Requests("/oauth/par"), row.pushed)
		})
	}
}

// slowProvider takes its time with the second of the pushed requests.
type slowProvider struct {
	*desktop
	clock *wallClock
	asked chan context.Context // of that request
	lift  func()
}

func newSlowProvider(t *testing.T) *slowProvider {
	t.Helper()
	s := &slowProvider{clock: &wallClock{}, asked: make(chan context.Context, 10)}
	s.desktop = newDesktopAt(t, passporttest.Options{AutoLogin: true, RequirePushedRequests: true, Now: s.clock.now})
	s.p = s.run(discovered(s.desktop), func(c *native.Config) {
		c.Now, c.HTTPClient = s.clock.now, &http.Client{Transport: s}
	})
	return s
}

// makeOld makes the login too old to be sent to.
func (s *slowProvider) makeOld() {
	s.clock.set(20 * time.Second)
	s.lift = s.auth.Inject(passporttest.Fault{Path: "/oauth/par", Hang: true})
}

func (s *slowProvider) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/oauth/par" && s.clock.ahead.Load() > 0 {
		s.asked <- r.Context()
	}
	return s.auth.Client().Transport.RoundTrip(r)
}

// The user reloads a page that does not come. It is the same browser, and gets the login
// that was begun for its first request.
func TestAUserWhoReloadsWhileALoginIsBegunAnewGetsIn(t *testing.T) {
	s := newSlowProvider(t)
	browser := s.auth.Browser()
	s.surfBy(func(address string) {
		s.makeOld()
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := browser.Do(request(t, http.MethodGet, address).WithContext(ctx))
			gone <- err
		}()
		asked := <-s.asked
		cancel()
		assert.ErrorIs(t, <-gone, context.Canceled)
		select {
		case <-asked.Done():
			assert.Fail(t, "the login ends with the request that began it")
		case <-time.After(200 * time.Millisecond):
		}
		s.lift()
		s.pages <- s.visit(browser, address)
	})
	s.login(s.p)
	assert.Len(t, s.auth.Requests("/oauth/par"), 2)
}

// Nor does a browser that is back wait for the login that another tab has begun.
func TestAReturnDoesNotWaitForALoginThatIsBegunAnew(t *testing.T) {
	s := newSlowProvider(t)
	browser := s.auth.Browser()
	var back time.Time
	s.surfBy(func(address string) {
		to := s.follow(browser, address)
		s.makeOld()
		go func() { s.pages <- s.visit(browser, address) }()
		<-s.asked
		back = time.Now()
		s.pages <- s.visit(browser, to)
	})
	_, err := s.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	for range 2 {
		assert.Contains(t, s.shown().text, "You are signed in")
	}
	assert.Less(t, time.Since(back), 4*time.Second)
	s.lift()
}

// diesAfterLogin is a process that dies when the outcome of a login has been kept, before
// the session is the current one.
type diesAfterLogin struct {
	*mortal
	kept int
}

func (d *diesAfterLogin) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	saved, err := d.mortal.Save(ctx, r)
	if r.Kind == storage.KindLogin {
		if d.kept++; d.kept == 2 {
			d.steps.Store(d.life)
		}
	}
	return saved, err
}

// The next logout knows a login by its binding.
func TestALoginThatIsBegunAnewIsKnownToTheLogoutOfTheNextRun(t *testing.T) {
	for name, late := range map[string]time.Duration{"at once": 0, "late": 4 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			clock := &wallClock{}
			d := newDesktopAt(t, passporttest.Options{AutoLogin: true, Now: clock.now})
			browser := d.auth.Browser()
			d.surfBy(func(address string) {
				clock.set(late)
				d.pages <- d.visit(browser, address)
			})
			store := &diesAfterLogin{mortal: &mortal{disk: d.store, life: 1000}}
			_, err := d.run(func(c *native.Config) { c.Now, c.Store = clock.now, store }).Login(t.Context(), passport.LoginOptions{})
			require.Error(t, err)
			require.Equal(t, 1, d.live())
			_, err = d.run(func(c *native.Config) { c.Now = clock.now }).LogoutLocal(t.Context())
			require.NoError(t, err)
			assert.Eventually(t, func() bool { return d.live() == 0 }, patience, time.Millisecond)
		})
	}
}
