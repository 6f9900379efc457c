package passport_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// landed has a browser do what a logout asks of it, and returns the query with
// which it came back.
func (s *site) landed(b *browser, l passport.Logout) url.Values {
	s.t.Helper()
	back, err := url.Parse(b.stay().get(l.URL).Header.Get("Location"))
	require.NoError(s.t, err)
	return back.Query()
}

// proves is what the return at top level with a query proves of the logout with a
// state.
func (s *site) proves(state passport.Secret, query url.Values) passport.Outcome {
	outcome, after := s.p.CheckLogoutReturn(s.t.Context(), passport.BrowserState{Logout: state},
		passport.LogoutReturn{Query: query, Way: passport.ReturnTopLevel})
	assert.Equal(s.t, outcome == passport.OutcomeDone, after.LogoutFinished)
	return outcome
}

func TestOnlyTheReturnFromThisLogoutProvesThatItIsDone(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	l, err := s.p.EndSession(t.Context(), b.session().ID())
	require.NoError(t, err)
	other, err := s.p.EndSessions(t.Context(), storage.Match{Subject: "email|nobody"})
	require.NoError(t, err)

	require.NotEmpty(t, other.State)
	assert.Contains(t, other.URL, other.State.Reveal())

	query := s.landed(b, l)
	assert.Empty(t, s.auth.Sessions())
	assert.Equal(t, passport.OutcomeDone, s.proves(l.State, query))
	assert.Equal(t, passport.OutcomePending, s.proves(other.State, query), "it was another logout's")
	assert.Equal(t, passport.OutcomePending, s.proves(l.State, nil), "it could be anybody's visit")
	assert.Equal(t, passport.OutcomePending, s.proves("", url.Values{"passport_logout": {""}}), "no logout was begun")
	assert.Equal(t, passport.OutcomePending, s.proves(l.State, url.Values{"state": {l.State.Reveal()}}))
}

// Other apps of the user know the sid.
func TestAReturnCannotBeFeignedByWhoKnowsTheSID(t *testing.T) {
	s := newSite(t)
	s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["sid"] = "always the same" }})
	var logouts []passport.Logout
	for range 2 {
		l, err := s.p.EndSession(t.Context(), s.signedIn().session().ID())
		require.NoError(t, err)
		logouts = append(logouts, l)
	}
	query := s.landed(s.browser(), logouts[0])
	assert.Equal(t, passport.OutcomeDone, s.proves(logouts[0].State, query))
	assert.Equal(t, passport.OutcomePending, s.proves(logouts[1].State, query))
}

func TestTheReturnFromAProviderThatMayHaveAskedProvesNothing(t *testing.T) {
	s := newSite(t, discovered)
	b := s.signedIn()
	l, err := s.p.EndSession(t.Context(), b.session().ID())
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeUnconfirmed, s.proves(l.State, s.landed(b, l)))
	assert.Equal(t, passport.OutcomePending, s.proves(l.State, url.Values{"passport_logout": {l.State.Reveal()}}))
}
