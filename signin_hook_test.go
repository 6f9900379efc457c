package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

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
