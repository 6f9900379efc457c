package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

type contextKey struct{}

func TestOnSignInCreatesTheUserBeforeTheSessionBegins(t *testing.T) {
	type user struct {
		Number int `json:"number"`
	}
	var s *site
	users := map[string]user{}
	s = newSite(t, func(c *passport.Config) {
		c.OnSignIn = func(ctx context.Context, a *passport.SignInAttempt) error {
			var claims struct {
				Email string `json:"email"`
			}
			assert.NoError(t, a.Claims(&claims))
			assert.Equal(t, passporttest.DefaultUser().Email, claims.Email)
			assert.NotEmpty(t, a.AccessToken.Reveal())
			assert.Equal(t, "of the request", ctx.Value(contextKey{}))
			assert.NotContains(t, fmt.Sprintf("%v %#v", a, a), a.IDToken.Reveal())
			assert.Empty(t, s.sessions(alice), "there is no session yet")
			users[a.Subject] = user{Number: 7}
			return a.SetData(users[a.Subject])
		}
	})
	inner := s.app
	s.app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "of the request")))
	})
	b := s.signedIn()
	assert.Contains(t, users, alice)
	var data user
	require.NoError(t, b.session().Data(t.Context(), &data))
	assert.Equal(t, 7, data.Number)
}

func (s *site) sessions(subject string) []passport.SessionInfo {
	s.t.Helper()
	all, err := s.p.Sessions(s.t.Context(), subject)
	require.NoError(s.t, err)
	return all
}

func TestOnSignInRefusesAUserInTheProgramsWords(t *testing.T) {
	for name, row := range map[string]struct {
		err    error
		status int
		page   string
	}{
		"with words":    {&passport.SignInRefused{Title: "Season over", Text: "Come back in spring."}, http.StatusForbidden, "Come back in spring."},
		"without words": {fmt.Errorf("wrapped: %w", &passport.SignInRefused{}), http.StatusForbidden, "does not admit your account"},
		"by a fault":    {errors.New("the database is down"), http.StatusInternalServerError, "Something went wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			refuse := false
			s := newSite(t, func(c *passport.Config) {
				c.OnSignIn = func(context.Context, *passport.SignInAttempt) error {
					if refuse {
						return row.err
					}
					return nil
				}
			})
			b := s.signedIn()
			before := b.session().ID()
			refuse = true
			link := b.callback("/login")
			res := b.get(link)
			assert.Equal(t, row.status, res.StatusCode)
			assert.Contains(t, res.body, row.page)
			assert.NotContains(t, res.body, "database")
			assert.Equal(t, before, b.session().ID(), "the session before lives on")
			assert.Len(t, s.sessions(alice), 1)
			s.revoked(1)
			assert.Equal(t, http.StatusBadRequest, b.get(link).StatusCode, "a reload asks nobody again")
			if row.status == http.StatusForbidden {
				assert.Contains(t, res.body, `href="/login?prompt=login"`)
				assert.Equal(t, "login", b.authorizeRequest("/login?prompt=login").Query().Get("prompt"), "for another account")
			}
			refuse = false
			b.get("/login")
			assert.NotEqual(t, before, b.session().ID())
		})
	}
}

func TestAPanicInOnSignInLosesNoRefreshToken(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.OnSignIn = func(context.Context, *passport.SignInAttempt) error { panic("in the program") }
	})
	address, b, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	back, err := s.browser().stay().get(address).Location()
	require.NoError(t, err)
	assert.Panics(t, func() { _, _, _ = s.p.FinishLogin(t.Context(), b, back.Query()) })
	s.revoked(1)
	assert.Empty(t, s.sessions(alice))
}

func TestOnSignInDecidesAboutDeviceLoginsToo(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.OnSignIn = func(context.Context, *passport.SignInAttempt) error { return &passport.SignInRefused{} }
	})
	device := s.beginDevice()
	s.enter(device, "allow")
	_, err := s.p.FinishDeviceLogin(t.Context(), device)
	var refused *passport.SignInRefused
	require.ErrorAs(t, err, &refused)
	assert.Empty(t, s.sessions(alice))
	s.revoked(1)
}

func TestOnlyPromptsForAnotherAccountComeFromALink(t *testing.T) {
	s := newSite(t)
	for prompt, sent := range map[string]string{"login": "login", "select_account": "select_account", "none": "", "consent": "", "x": ""} {
		assert.Equal(t, sent, s.browser().authorizeRequest("/login?prompt="+prompt).Query().Get("prompt"), prompt)
	}
}

// authTimes has ID tokens say that the user proved who they are so long before the
// token was issued, by a provider's clock that differs from ours.
func (s *site) authTimes(age, ahead time.Duration) (lift func()) {
	return s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) {
		issued := s.clock.Now().Add(ahead)
		c["iat"], c["auth_time"] = issued.Unix(), issued.Add(-age).Unix()
	}})
}

func (r reply) param(t *testing.T, name string) string {
	t.Helper()
	u, err := url.Parse(r.location)
	require.NoError(t, err)
	return u.Query().Get(name)
}

func TestALoginAfterAnUnfinishedLogoutAsksWithAllThatMakesProvidersAsk(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		b.signInWith(c)
		delivered(c.logout())
		r := delivered(c.login(plain))
		assert.Equal(t, "login", r.param(t, "prompt"))
		assert.Equal(t, "1", r.param(t, "max_age"))
	}, silent)
}

func TestOnlyAuthTimeFinishesALogout(t *testing.T) {
	for name, row := range map[string]struct {
		age, ahead time.Duration
		refused    bool
		unfinished bool
	}{
		"asked":                                {age: 5 * time.Second},
		"asked, by a clock that is ahead":      {age: 5 * time.Second, ahead: 30 * time.Second},
		"asked, by a clock that is behind":     {age: 5 * time.Second, ahead: -30 * time.Second},
		"just after the logout":                {age: 59 * time.Second},
		"at the time of the logout":            {age: 60 * time.Second, unfinished: true},
		"hardly before it":                     {age: 65 * time.Second, unfinished: true},
		"before it":                            {age: 75 * time.Second, refused: true, unfinished: true},
		"before it, by a clock that is ahead":  {age: 5 * time.Minute, ahead: 30 * time.Second, refused: true, unfinished: true},
		"before it, by a clock that is behind": {age: 5 * time.Minute, ahead: -30 * time.Second, refused: true, unfinished: true},
		"a provider that sends 0":              {age: -1, unfinished: true},
		"a provider that does not send it":     {age: -2, unfinished: true},
	} {
		t.Run(name, func(t *testing.T) {
			eachCarrier(t, func(t *testing.T, s *site, c carrier) {
				b := s.browser()
				b.signInWith(c)
				delivered(c.logout())
				s.revoked(1)
				s.clock.add(time.Minute)
				link := b.link(delivered(c.login(plain)))
				switch row.age {
				case -1:
					s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["auth_time"] = 0 }})
				case -2:
					s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { delete(c, "auth_time") }})
				default:
					s.authTimes(row.age, row.ahead)
				}
				r := delivered(c.callback(link))
				assert.Equal(t, row.refused, r.failed, r.text)
				assert.Equal(t, !row.refused, c.signedIn())
				assert.Equal(t, row.unfinished, c.unfinished())
				told := 0
				if row.unfinished && !row.refused {
					told = 1
				}
				assert.Len(t, s.events.named(passport.EventLoginUnconfirmed), told)
				if row.refused {
					failed := s.events.named(passport.EventLoginFailed)
					require.Len(t, failed, 1)
					require.ErrorIs(t, failed[0].Err, passport.ErrNotReauthenticated)
					s.revoked(2) // the new session's too
				}
			}, silent)
		})
	}
}

// The clock of a machine is put right, or the logout was another instance's.
func TestALogoutByAClockThatWasAheadLocksNobodyOut(t *testing.T) {
	for name, row := range map[string]struct {
		age     time.Duration
		refused bool
	}{
		"asked":           {age: 5 * time.Second},
		"not asked again": {age: 75 * time.Second, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			eachCarrier(t, func(t *testing.T, s *site, c carrier) {
				b := s.browser()
				b.signInWith(c)
				s.clock.add(2 * time.Hour)
				delivered(c.logout())
				s.revoked(1)
				s.clock.add(-2 * time.Hour)
				link := b.link(delivered(c.login(plain)))
				s.clock.add(time.Minute)
				s.authTimes(row.age, 0)
				r := delivered(c.callback(link))
				assert.Equal(t, row.refused, r.failed, r.text)
				assert.Equal(t, !row.refused, c.signedIn())
				assert.Equal(t, row.refused, c.unfinished())
			}, silent)
		})
	}
}

func TestALoginResultSaysWhetherTheUserProvedWhoTheyAre(t *testing.T) {
	s := newSite(t, silent)
	b := s.browser()
	v := &verbCarrier{s: s, p: s.p}
	finish := func() passport.LoginResult {
		u, err := url.Parse(b.link(delivered(v.login(plain))))
		require.NoError(t, err)
		before := v.jar.state()
		in, after, err := s.p.FinishLogin(t.Context(), before, u.Query())
		require.NoError(t, err)
		var w response
		w.keep(before, after)
		v.keep(w.set)
		return in
	}
	assert.Equal(t, passport.OutcomeSkipped, finish().Reauthentication)
	delivered(v.logout())
	lift := s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { delete(c, "auth_time") }})
	assert.Equal(t, passport.OutcomeUnconfirmed, finish().Reauthentication)
	lift()
	s.clock.add(3 * time.Second)
	assert.Equal(t, passport.OutcomeDone, finish().Reauthentication, "the next login asks again")
	assert.Equal(t, passport.OutcomeSkipped, finish().Reauthentication)
}

func TestAUserWhoWasNotAskedIsOfferedToFinishTheLogout(t *testing.T) {
	s := newSite(t, silent)
	b := s.signedIn()
	b.logout("Accept", "application/json")
	s.clock.add(time.Minute)
	s.authTimes(time.Hour, 0)
	a := b.get("/login")
	assert.Equal(t, 403, a.StatusCode)
	assert.Contains(t, a.body, "Finish signing out")
	assert.Contains(t, a.body, "/v2/logout?")
	assert.Equal(t, "nobody", b.get("/").body)
}

// A page that looks for a session silently must not put a form before a user who has
// just signed out.
func TestALoginThatMustNotAskDoesNotGoOutAfterAnUnfinishedLogout(t *testing.T) {
	silently := passport.LoginOptions{Prompt: "none"}
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		assert.Equal(t, "none", c.login(silently).param(t, "prompt"))
		b.signInWith(c)
		assert.Equal(t, "none", c.login(silently).param(t, "prompt"))
		delivered(c.logout())
		r := delivered(c.login(silently))
		assert.True(t, r.failed)
		assert.Regexp(t, "login_required|You are not signed in", r.text)
		assert.Empty(t, r.location, "nothing is sent out")

		s.clock.add(3 * time.Second)
		b.signInWith(c)
		assert.Equal(t, "none", c.login(silently).param(t, "prompt"), "the logout is finished")
	}, silent)
	s := newSite(t, silent)
	_, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{Logout: "of another program"}, silently)
	var refused *passport.ProviderError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "login_required", refused.Code)
}
