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
	for name, row := range map[string]struct {
		late   time.Duration
		fault  passporttest.Fault
		pushed int
	}{
		"at once":                                {0, passporttest.Fault{}, 1},
		"too late for the first request":         {4 * time.Minute, passporttest.Fault{}, 2},
		"late, and no other request can be made": {20 * time.Second, passporttest.Fault{Path: "/oauth/par", Status: http.StatusServiceUnavailable}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &wallClock{}
			d := newDesktopAt(t, passporttest.Options{AutoLogin: true, RequirePushedRequests: true, Now: clock.now})
			d.p = d.run(discovered(d), func(c *native.Config) { c.Now = clock.now })
			browser := d.auth.Browser()
			d.surfBy(func(address string) {
				clock.set(row.late)
				d.auth.Inject(row.fault)
				d.pages <- d.visit(browser, address)
			})
			d.login(d.p)
			assert.Len(t, d.auth.Requests("/oauth/par"), row.pushed)
		})
	}
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
