package passport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

const (
	deviceCodePath = "/oauth/device/code"
	tokenPath      = "/oauth/token"
)

// hasty makes the auth domain take questions every second.
func (s *site) hasty() *site {
	s.auth.Inject(passporttest.Fault{Path: deviceCodePath, EditAnswer: func(a map[string]any) { a["interval"] = 1 }})
	return s
}

// enter has a user enter the code in a browser, and say yes or no.
func (s *site) enter(d passport.DeviceLogin, decision string) {
	s.t.Helper()
	res, err := s.auth.Browser().PostForm(s.auth.URL+"/activate", url.Values{"user_code": {d.UserCode}, decision: {"1"}})
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	require.Equal(s.t, http.StatusOK, res.StatusCode)
}

func (s *site) beginDevice() passport.DeviceLogin {
	s.t.Helper()
	d, err := s.p.BeginDeviceLogin(s.t.Context())
	require.NoError(s.t, err)
	return d
}

func TestADeviceSignsInAndOutLikeAnyOther(t *testing.T) {
	t.Parallel() // a device waits a second
	for name, edit := range map[string]func(*passport.Config){
		"passport": func(*passport.Config) {}, "discovered": discovered,
	} {
		s := newSite(t, edit).hasty()
		d := s.beginDevice()
		assert.Equal(t, s.auth.URL+"/activate", d.VerificationURI, name)
		assert.Equal(t, s.auth.URL+"/activate?user_code="+d.UserCode, d.VerificationURIComplete, name)
		assert.WithinDuration(t, time.Now().Add(10*time.Minute), d.Expiry, time.Minute, name)
		s.enter(d, "allow")

		in, err := s.p.FinishDeviceLogin(t.Context(), d)
		require.NoError(t, err, name)
		session, err := s.p.Session(t.Context(), in.SessionID)
		require.NoError(t, err, name)
		assert.Equal(t, passporttest.DefaultUser().Subject, session.Subject(), name)
		assert.Equal(t, s.auth.Sessions()[0].SID, session.Info().SID, name)
		assert.Len(t, s.events.named("login"), 1, name)

		l, err := s.p.EndSession(t.Context(), session.ID())
		require.NoError(t, err, name)
		assert.Equal(t, passport.OutcomeDone, l.Revocation, name)
		assert.Empty(t, s.auth.RefreshTokens(passporttest.Live), name)
	}
}

func TestADeviceAsksForWhatTheConfigAsksFor(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Scopes = []string{"openid", "offline_access"} })
	s.beginDevice()
	form := s.auth.Requests(deviceCodePath)[0].Form
	assert.Equal(t, url.Values{
		"client_id": {passporttest.ClientID}, "scope": {"openid offline_access"}, "audience": {"platform_api"},
	}, form)
}

func TestADeviceLoginThatTheUserRefuses(t *testing.T) {
	t.Parallel() // a device waits a second
	s := newSite(t).hasty()
	d := s.beginDevice()
	s.enter(d, "deny")
	_, err := s.p.FinishDeviceLogin(t.Context(), d)
	var refused *passport.ProviderError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "access_denied", refused.Code)
	assert.Empty(t, s.events.named("login"))
}

func TestADeviceCodeThatWasNotEntered(t *testing.T) {
	t.Parallel() // a device waits a second
	s := newSite(t).hasty()
	s.auth.Inject(passporttest.Fault{Path: tokenPath, Error: "expired_token"})
	_, err := s.p.FinishDeviceLogin(t.Context(), s.beginDevice())
	require.ErrorIs(t, err, passport.ErrNoLogin)
}

func TestADeviceFlowThatThereIsNot(t *testing.T) {
	s := newSite(t, discovered)
	s.auth.Inject(passporttest.Fault{Path: wellKnown, EditAnswer: func(a map[string]any) {
		delete(a, "device_authorization_endpoint")
	}})
	_, err := s.p.BeginDeviceLogin(t.Context())
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestADeviceFlowThatTheClientMayNotUse(t *testing.T) {
	s := newSite(t)
	s.auth.Inject(passporttest.Fault{Path: deviceCodePath, Error: "unauthorized_client"})
	_, err := s.p.BeginDeviceLogin(t.Context())
	var refused *passport.ProviderError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "unauthorized_client", refused.Code)
	assert.Equal(t, http.StatusForbidden, refused.Status)
}

func TestWhatADeviceShowsIsFitForATerminal(t *testing.T) {
	for problem, edit := range map[string]func(map[string]any){
		"no usable code": func(a map[string]any) { a["user_code"] = "\x1b[2J" },
		"usable code":    func(a map[string]any) { delete(a, "user_code") },
		"has no usable":  func(a map[string]any) { delete(a, "device_code") },
		"must be an absolute URL that begins with https": func(a map[string]any) {
			a["verification_uri"] = "javascript:alert(1)"
		},
		"verification_uri": func(a map[string]any) { a["verification_uri_complete"] = "http://auth.example.com/" },
	} {
		s := newSite(t)
		s.auth.Inject(passporttest.Fault{Path: deviceCodePath, EditAnswer: edit})
		_, err := s.p.BeginDeviceLogin(t.Context())
		assert.ErrorContains(t, err, problem)
	}
}

func TestADeviceLoginKeepsItsCodeToItself(t *testing.T) {
	s := newSite(t)
	var secret string
	s.auth.Inject(passporttest.Fault{Path: deviceCodePath, EditAnswer: func(a map[string]any) { secret, _ = a["device_code"].(string) }})
	d := s.beginDevice()
	require.NotEmpty(t, secret)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", d, d, d), secret)
}

func TestAnIDTokenThatIsNotTheDevicesOwnBeginsNothing(t *testing.T) {
	t.Parallel() // a device waits a second
	for name, edit := range map[string]func(map[string]any){
		"nonce":    func(c map[string]any) { c["nonce"] = "another login's" },
		"audience": func(c map[string]any) { c["aud"] = "another client" },
		"events":   func(c map[string]any) { c["events"] = map[string]any{} },
	} {
		s := newSite(t).hasty()
		s.auth.Inject(passporttest.Fault{Path: tokenPath, EditClaims: edit})
		d := s.beginDevice()
		s.enter(d, "allow")
		_, err := s.p.FinishDeviceLogin(t.Context(), d)
		require.Error(t, err, name)
		s.revoked(1)
		assert.Empty(t, s.events.named("login"), name)
	}
}

func TestAProviderLogoutOvertakesADeviceLogin(t *testing.T) {
	t.Parallel() // a device waits a second
	s := provided(t).hasty()
	d := s.beginDevice()
	s.enter(d, "allow")
	token := passporttest.LogoutToken{Subject: alice, SID: s.auth.Sessions()[0].SID}
	require.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(token)).Status)
	_, err := s.p.FinishDeviceLogin(t.Context(), d)
	require.ErrorIs(t, err, passport.ErrNoLogin)
	s.revoked(1)
}

// asked is a provider's token endpoint as a device sees it: one answer after
// the other, without a network, so that the time in a bubble can pass.
type asked struct {
	answers []string // an error code, "down" or "500"
	at      []time.Duration
	begun   time.Time
}

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, deviceCodePath) {
		return jsonAnswer(r, http.StatusOK, `{"device_code": "secret", "user_code": "ABCD", "verification_uri": "https://auth.immutable.com/activate", "expires_in": 3600}`), nil
	}
	a.at = append(a.at, time.Since(a.begun))
	next := "authorization_pending"
	if len(a.answers) > 0 {
		next, a.answers = a.answers[0], a.answers[1:]
	}
	switch next {
	case "down":
		return nil, errors.New("connection refused")
	case "500":
		return jsonAnswer(r, http.StatusInternalServerError, "<html>"), nil
	}
	return jsonAnswer(r, http.StatusForbidden, `{"error": "`+next+`"}`), nil
}

func jsonAnswer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Request: r, Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}
}

// waitAt begins a device login in a bubble and returns when the provider was
// asked, in seconds, and how it ended.
func waitAt(t *testing.T, ctx context.Context, answers ...string) ([]float64, time.Duration, error) {
	t.Helper()
	provider := &asked{answers: answers, begun: time.Now()}
	p, err := passport.New(passport.Config{
		ClientID: "client", RedirectURI: "http://127.0.0.1/callback", HTTPClient: &http.Client{Transport: provider},
	})
	require.NoError(t, err)
	d, err := p.BeginDeviceLogin(ctx)
	require.NoError(t, err)
	_, err = p.FinishDeviceLogin(ctx, d)
	took := time.Since(provider.begun)
	require.NoError(t, p.Close(context.Background()))
	var seconds []float64
	for _, at := range provider.at {
		seconds = append(seconds, at.Seconds())
	}
	return seconds, took, err
}

func TestADeviceAsksAsOftenAsTheProviderWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, err := waitAt(t, t.Context(), "authorization_pending", "slow_down", "authorization_pending", "access_denied")
		assert.ErrorContains(t, err, "access_denied")
		assert.Equal(t, []float64{5, 10, 20, 30}, at)
	})
}

func TestADevicePutsUpWithAProviderThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, err := waitAt(t, t.Context(), "down", "500", "down", "access_denied")
		assert.ErrorContains(t, err, "access_denied")
		assert.Equal(t, []float64{5, 15, 35, 75}, at)
	})
}

// Whoever enters the code after an outage is signed in as soon as without one.
func TestADeviceAsksAsOftenAsBeforeOnceTheProviderIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, err := waitAt(t, t.Context(), "slow_down", "down", "down", "authorization_pending", "access_denied")
		assert.ErrorContains(t, err, "access_denied")
		assert.Equal(t, []float64{5, 15, 35, 75, 85}, at)
	})
}

func TestADeviceWaitsTenMinutesAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, took, err := waitAt(t, t.Context())
		require.ErrorIs(t, err, passport.ErrNoLogin)
		assert.Equal(t, 10*time.Minute, took)
	})
}

func TestADeviceStopsWaitingWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		at, took, err := waitAt(t, ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, passport.ErrNoLogin)
		assert.Equal(t, 12*time.Second, took)
		assert.Equal(t, []float64{5, 10}, at)
	})
}

// Users give up while they look for their phone: the provider is not to blame.
func TestADeviceThatNobodyWaitsForIsNoOutage(t *testing.T) {
	s := newSite(t)
	d := s.beginDevice()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.p.FinishDeviceLogin(ctx, d)
	require.ErrorIs(t, err, context.Canceled)
	failed := s.events.named(passport.EventLoginFailed)
	require.Len(t, failed, 1)
	assert.Equal(t, passport.LoginCanceled, failed[0].Reason)
	assert.EqualValues(t, 1, s.p.Stats().LoginsFailed[passport.LoginCanceled])
}

func TestATokenThatIsOnItsWayToADeviceIsWaitedFor(t *testing.T) {
	t.Parallel() // a device waits a second
	s := newSite(t).hasty()
	d := s.beginDevice()
	s.enter(d, "allow")
	lift := s.auth.Inject(passporttest.Fault{Path: tokenPath, Hang: true, Late: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.p.FinishDeviceLogin(ctx, d)
		done <- err
	}()
	_, err := s.auth.Await(t.Context(), tokenPath, 1)
	require.NoError(t, err)
	cancel()
	lift()
	require.NoError(t, <-done, "the tokens were issued")
	assert.Len(t, s.events.named("login"), 1)
}
