package passport_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

const multi = "urn:mfa"

// answersWith has the provider say that it has done acr; empty: it does not say.
func (s *site) answersWith(acr string) (lift func()) {
	return s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) {
		delete(c, "acr")
		if acr != "" {
			c["acr"] = acr
		}
	}})
}

func TestAStepUpAsksForAMethodAndHoldsTheProviderToIt(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("GET /vault", s.p.RequireStepUp(passport.StepUp{ACRValues: "urn:key " + multi, MaxAge: time.Minute}, http.HandlerFunc(who)))
	lift := s.answersWith("urn:password")
	b := s.signedIn()
	before := b.session()
	require.ErrorIs(t, before.Satisfies(t.Context(), passport.StepUp{ACRValues: multi}), passport.ErrInsufficientACR)
	assert.NoError(t, before.Satisfies(t.Context(), passport.StepUp{MaxAge: time.Minute}))

	assert.Equal(t, http.StatusUnauthorized, b.get("/vault", "Sec-Fetch-Mode", "cors").StatusCode)
	out := b.stay().get("/vault", "Sec-Fetch-Mode", "navigate")
	require.Equal(t, http.StatusSeeOther, out.StatusCode)
	assert.Equal(t, "urn:key "+multi, queryOf(t, out.Header.Get("Location")).Get("acr_values"))
	assert.Equal(t, "60", queryOf(t, out.Header.Get("Location")).Get("max_age"))

	res := b.get("/vault", "Sec-Fetch-Mode", "navigate")
	assert.Equal(t, http.StatusForbidden, res.StatusCode, "the provider did something else, and there is no loop")
	assert.Equal(t, before.ID(), b.session().ID(), "the session goes on")
	failed := s.events.named(passport.EventLoginFailed)
	require.Len(t, failed, 1)
	assert.ErrorIs(t, failed[0].Err, passport.ErrInsufficientACR)
	assert.Equal(t, uint64(1), s.p.Stats().LoginsFailed[passport.LoginNotReauthenticated])

	lift()
	s.answersWith(multi)
	assert.Equal(t, alice, b.get("/vault", "Sec-Fetch-Mode", "navigate").body)
	assert.Equal(t, alice, b.get("/vault", "Sec-Fetch-Mode", "cors").body)
	s.awaitRevocations(2)
	s.clock.add(2 * time.Minute)
	assert.ErrorIs(t, b.session().Satisfies(t.Context(), passport.StepUp{ACRValues: multi, MaxAge: time.Minute}), passport.ErrNotRecent)
	assert.Equal(t, http.StatusUnauthorized, b.get("/vault", "Sec-Fetch-Mode", "cors").StatusCode)
}

// How long ago credentials were given is for the provider's clock to say, which may differ
// from ours by ClockLeeway.
func TestAStepUpToCredentialsOfSecondsAgoIsNoLoopWhereClocksDiffer(t *testing.T) {
	for _, ahead := range []time.Duration{-50 * time.Second, 50 * time.Second} {
		for _, path := range []string{"/recent", "/vault"} {
			s := newSite(t, func(c *passport.Config) {
				now := c.Now
				c.Now, c.BearerTokens = func() time.Time { return now().Add(ahead) }, true
			})
			need := passport.StepUp{MaxAge: 5 * time.Second}
			s.mux.Handle("GET /recent", s.p.RequireRecent(need.MaxAge, http.HandlerFunc(who)))
			s.mux.Handle("GET /vault", s.p.RequireStepUp(need, http.HandlerFunc(who)))
			b := s.signedIn()
			token, err := b.session().IDToken(t.Context())
			require.NoError(t, err)
			bearer, err := s.p.VerifyBearer(t.Context(), token)
			require.NoError(t, err)
			assert.NoError(t, s.p.CheckBearer(bearer, need))
			s.clock.add(30 * time.Second)
			assert.ErrorIs(t, s.p.CheckBearer(bearer, need), passport.ErrNotRecent)
			res := b.stay().get(path, "Sec-Fetch-Mode", "navigate")
			require.Equal(t, http.StatusSeeOther, res.StatusCode, "%s, %v ahead: too long ago", path, ahead)
			require.Equal(t, alice, b.get("/login?return_to="+path, "Sec-Fetch-Mode", "navigate").body, "%s, %v ahead", path, ahead)
		}
	}
}

// Some providers count milliseconds. What they say would be in the future, and recent for ever.
func TestAnAuthTimeThatIsNoTimeIsNotRecent(t *testing.T) {
	for _, authTime := range []any{time.Now().UnixMilli(), 1e300, -1, 0, "now", nil} {
		s := newSite(t, func(c *passport.Config) { c.BearerTokens = true })
		s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { c["auth_time"] = authTime }})
		need := passport.StepUp{MaxAge: time.Minute}
		s.mux.Handle("GET /recent", s.p.RequireRecent(need.MaxAge, http.HandlerFunc(who)))
		b := s.signedIn()
		at, err := b.session().AuthTime(t.Context())
		require.NoError(t, err)
		assert.True(t, at.IsZero(), authTime)
		assert.ErrorIs(t, b.session().Satisfies(t.Context(), need), passport.ErrNotRecent, authTime)
		assert.Equal(t, http.StatusForbidden, b.get("/recent", "Sec-Fetch-Mode", "navigate").StatusCode, "%v: an error page, and no loop", authTime)
		token, err := b.session().IDToken(t.Context())
		require.NoError(t, err)
		bearer, err := s.p.VerifyBearer(t.Context(), token)
		require.NoError(t, err)
		assert.ErrorIs(t, s.p.CheckBearer(bearer, need), passport.ErrNotRecent, authTime)
	}
}

func TestAnACRIsAWishUnlessItIsRequired(t *testing.T) {
	s := newSite(t)
	s.answersWith("")
	for required, want := range map[bool]int{false: http.StatusOK, true: http.StatusForbidden} {
		path := map[bool]string{false: "/wish", true: "/must"}[required]
		s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			s.p.StartLogin(w, r, passport.LoginOptions{ACRValues: multi, RequireACR: required})
		})
		assert.Equal(t, want, s.browser().get(path).StatusCode, path)
	}
	for want, o := range map[string]passport.LoginOptions{
		"without ACRValues":    {RequireACR: true},
		"more than 1000 bytes": {ACRValues: strings.Repeat("x", 1001)},
	} {
		_, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, o)
		assert.ErrorContains(t, err, want)
	}
}

func TestABearerStepUpIsAnsweredAsRFC9470Says(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.BearerTokens = true })
	lift := s.answersWith("urn:password")
	need := passport.StepUp{ACRValues: multi, MaxAge: 5 * time.Minute}
	vault := s.p.RequireBearer(s.p.RequireBearerStepUp(need, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })))
	request := func(b *browser) *httptest.ResponseRecorder {
		token, err := b.session().IDToken(t.Context())
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
		w := httptest.NewRecorder()
		vault.ServeHTTP(w, r)
		return w
	}
	b := s.signedIn()
	w := request(b)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, `Bearer error="insufficient_user_authentication", error_description="sign in again, by one of the methods or more recently", acr_values="urn:mfa", max_age="300"`,
		w.Header().Get("WWW-Authenticate"))
	var said map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &said))
	assert.Equal(t, "insufficient_user_authentication", said["error"])

	lift()
	s.answersWith(multi)
	b = s.signedIn()
	assert.Equal(t, http.StatusNoContent, request(b).Code)
	s.clock.add(6 * time.Minute)
	assert.Equal(t, http.StatusUnauthorized, request(b).Code, "too long ago")
	outside := httptest.NewRecorder()
	s.p.RequireBearerStepUp(need, http.NotFoundHandler()).ServeHTTP(outside, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusUnauthorized, outside.Code, "outside RequireBearer nobody gets through")
}

func TestAStepUpThatCannotBeMeantPanics(t *testing.T) {
	s := newSite(t)
	for _, need := range []passport.StepUp{{}, {ACRValues: "  "}, {MaxAge: -1}, {ACRValues: `a" b`}, {ACRValues: "a\nb"}} {
		assert.Panics(t, func() { s.p.RequireStepUp(need, http.NotFoundHandler()) }, "%+v", need)
		assert.Panics(t, func() { s.p.RequireBearerStepUp(need, http.NotFoundHandler()) }, "%+v", need)
	}
}
