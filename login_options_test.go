package passport_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func TestALoginCarriesParameters(t *testing.T) {
	s := newSite(t)
	address, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{
		MaxAge:       1500 * time.Millisecond,
		ACRValues:    "phr phrh",
		LoginHint:    "alice@example.com",
		ScreenHint:   "signup",
		Organization: "org_1",
		Invitation:   "inv_1",
		Connection:   "google-oauth2",
		Params:       map[string]string{"access_type": "offline", "login_hint": "loses"},
	})
	require.NoError(t, err)
	q := queryOf(t, address)
	for name, want := range map[string]string{
		"max_age": "2", "acr_values": "phr phrh", "login_hint": "alice@example.com", "screen_hint": "signup",
		"organization": "org_1", "invitation": "inv_1", "connection": "google-oauth2", "access_type": "offline",
	} {
		assert.Equal(t, want, q.Get(name), name)
	}
}

func TestALoginRefusesParametersThatItSetsItself(t *testing.T) {
	s := newSite(t)
	for name, o := range map[string]passport.LoginOptions{
		`"state"`: {Params: map[string]string{"state": "x"}},
		`"nonce"`: {Params: map[string]string{"nonce": ""}},
		`""`:      {Params: map[string]string{"": "x"}},
		"MaxAge":  {MaxAge: -1},
	} {
		_, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, o)
		assert.ErrorContains(t, err, name)
	}
}

// TestMaxAgeIsHeldAgainstTheIDToken has a provider that asked long ago, or does not
// say when.
func TestMaxAgeIsHeldAgainstTheIDToken(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(c map[string]any)
		ok   bool
	}{
		"just now":           {func(map[string]any) {}, true},
		"within it":          {func(c map[string]any) { c["auth_time"] = issuedAt(c) - 60 }, true},
		"longer ago":         {func(c map[string]any) { c["auth_time"] = issuedAt(c) - 60 - 11 }, false},
		"no word":            {func(c map[string]any) { delete(c, "auth_time") }, false},
		"a word without use": {func(c map[string]any) { c["auth_time"] = 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.mux.HandleFunc("GET /recent-login", func(w http.ResponseWriter, r *http.Request) {
				s.p.StartLogin(w, r, passport.LoginOptions{MaxAge: time.Minute})
			})
			s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: row.edit})
			b := s.browser()
			res := b.get("/recent-login")
			if row.ok {
				assert.Equal(t, alice, res.body)
				return
			}
			assert.Equal(t, http.StatusForbidden, res.StatusCode)
			assert.Empty(t, s.sessions(alice))
			s.revoked(1)
		})
	}
}

func issuedAt(claims map[string]any) int64 {
	switch iat := claims["iat"].(type) {
	case int64:
		return iat
	case float64:
		return int64(iat)
	}
	panic("the claims have no iat")
}
