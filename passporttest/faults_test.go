package passporttest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/passporttest"
)

func TestAFaultAnswersInTheEndpointsPlace(t *testing.T) {
	for _, test := range []struct {
		name              string
		fault             passporttest.Fault
		status            int
		body, retry, kind string
	}{
		{"status", passporttest.Fault{Status: 500}, 500, "", "", ""},
		{"body", passporttest.Fault{Status: 502, Body: "<h1>Bad gateway</h1>"}, 502, "<h1>Bad gateway</h1>", "", "text/html; charset=utf-8"},
		{"Retry-After", passporttest.Fault{Status: 503, RetryAfter: 2 * time.Minute}, 503, "", "120", ""},
		{"empty invalid_grant", passporttest.Fault{Status: 400}, 400, "", "", ""},
		{
			"error", passporttest.Fault{Error: "invalid_grant"}, 403,
			`{"error":"invalid_grant","error_description":"The test asked for this error."}` + "\n", "", "application/json; charset=utf-8",
		},
		{
			"error with another status", passporttest.Fault{Error: "invalid_request", Status: 429, RetryAfter: time.Second}, 429,
			`{"error":"invalid_request","error_description":"The test asked for this error."}` + "\n", "1", "application/json; charset=utf-8",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
			token := p.login()
			test.fault.Path = "/oauth/revoke"
			p.auth.Inject(test.fault)
			resp := p.revoke(token.RefreshToken)
			assert.Equal(t, test.status, resp.StatusCode)
			assert.Equal(t, test.body, body(t, resp))
			assert.Equal(t, test.retry, resp.Header.Get("Retry-After"))
			if test.kind != "" {
				assert.Equal(t, test.kind, resp.Header.Get("Content-Type"))
			}
			assert.Equal(t, passporttest.Live, p.auth.RefreshToken(token.RefreshToken).State)
			assert.Equal(t, test.status, p.auth.Requests("/oauth/revoke")[0].Status)
		})
	}
}

func statusOf(t *testing.T, auth *passporttest.Server, path string) int {
	t.Helper()
	resp, err := auth.Client().Get(auth.URL + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}

const keys = "/.well-known/jwks.json"

func TestAFaultStrikesItsPathAlone(t *testing.T) {
	auth := start(t, passporttest.Options{})
	lift := auth.Inject(passporttest.Fault{Path: keys, Status: 500})
	assert.Equal(t, 500, statusOf(t, auth, keys))
	assert.Equal(t, 200, statusOf(t, auth, "/.well-known/openid-configuration"))
	lift()
	lift()
	assert.Equal(t, 200, statusOf(t, auth, keys))

	auth.Inject(passporttest.Fault{Status: 500})
	assert.Equal(t, 500, statusOf(t, auth, keys))
	assert.Equal(t, 500, statusOf(t, auth, "/.well-known/openid-configuration"))
	auth.Lift()
	assert.Equal(t, 200, statusOf(t, auth, keys))
}

func TestAFaultStrikesSoManyTimes(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Path: keys, Status: 500, Times: 2})
	auth.Inject(passporttest.Fault{Path: "/v2/logout", Status: 500, Times: 1})
	var got []int
	for range 3 {
		got = append(got, statusOf(t, auth, keys))
	}
	assert.Equal(t, []int{500, 500, 200}, got)
}

func TestTimesIsExactUnderConcurrency(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Path: keys, Status: 500, Times: 7})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { statusOf(t, auth, keys) })
	}
	all.Wait()
	failed := 0
	for _, r := range auth.Requests(keys) {
		if r.Status == 500 {
			failed++
		}
	}
	assert.Equal(t, 7, failed)
}

func TestAFaultMayStrikeSomeRequestsOnly(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.auth.Inject(passporttest.Fault{
		Path: "/oauth/token", Error: "invalid_grant", Times: 1,
		If: func(r passporttest.Request) bool { return r.Form.Get("grant_type") == "refresh_token" },
	})
	token := p.login()
	_, err := p.refresh(token.RefreshToken)
	assertInvalidGrant(t, err)
	_, err = p.refresh(token.RefreshToken)
	assert.NoError(t, err)
}

func TestTheFaultInjectedLastAnswers(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Path: keys, Status: 500})
	lift := auth.Inject(passporttest.Fault{Path: keys, Status: 503})
	assert.Equal(t, 503, statusOf(t, auth, keys))
	lift()
	assert.Equal(t, 500, statusOf(t, auth, keys))
}

func TestAuthorizeSendsItsErrorToTheClient(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	answer := p.authorize(oauth2.GenerateVerifier())
	assert.Equal(t, "access_denied", answer.Get("error"))
	assert.Equal(t, "the-state", answer.Get("state"))
	assert.Empty(t, p.auth.Sessions())
}

// answered is what became of a request that was sent in the background.
type answered struct {
	status int
	err    error
}

func inBackground(ctx context.Context, auth *passporttest.Server, path string) <-chan answered {
	result := make(chan answered, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, auth.URL+path, nil)
		if err != nil {
			result <- answered{err: err}
			return
		}
		resp, err := auth.Client().Do(req)
		if err != nil {
			result <- answered{err: err}
			return
		}
		_ = resp.Body.Close()
		result <- answered{status: resp.StatusCode}
	}()
	return result
}

func TestAHangingRequestGoesOnWhenTheFaultIsLifted(t *testing.T) {
	auth := start(t, passporttest.Options{})
	lift := auth.Inject(passporttest.Fault{Path: keys, Hang: true, Times: 1})
	result := inBackground(t.Context(), auth, keys)
	await(t, auth, keys, 1)
	assert.Zero(t, auth.Requests(keys)[0].Status)
	assert.Empty(t, result)
	assert.Equal(t, 200, statusOf(t, auth, keys), "Times is used up")

	lift()
	assert.Equal(t, answered{status: 200}, <-result)
	assert.Equal(t, 200, auth.Requests(keys)[0].Status)
}

func TestAHangingRequestEndsWithItsClient(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Path: keys, Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	result := inBackground(ctx, auth, keys)
	await(t, auth, keys, 1)
	cancel()
	assert.ErrorIs(t, (<-result).err, context.Canceled)
}

func TestARequestWhoseClientHasGoneHasNoEffect(t *testing.T) {
	for name, fault := range map[string]passporttest.Fault{"hang": {Hang: true}, "delay": {Delay: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			auth := passporttest.New(passporttest.Options{AutoLogin: true})
			auth.Inject(fault)
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			r := httptest.NewRequestWithContext(gone, http.MethodGet, "/authorize?"+authorizeParams().Encode(), nil)
			assert.PanicsWithValue(t, http.ErrAbortHandler, func() { auth.ServeHTTP(httptest.NewRecorder(), r) })
			assert.Empty(t, auth.Sessions())
		})
	}
}

func TestLiftAndCloseFreeWhatHangs(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Path: keys, Hang: true, Times: 1})
	result := inBackground(t.Context(), auth, keys)
	await(t, auth, keys, 1)
	auth.Lift()
	assert.Equal(t, answered{status: 200}, <-result)

	auth.Inject(passporttest.Fault{Path: keys, Hang: true})
	result = inBackground(t.Context(), auth, keys)
	await(t, auth, keys, 2)
	auth.Close()
	<-result
}

func TestACutConnectionBringsNoAnswer(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login()
	p.auth.Inject(passporttest.Fault{Path: "/oauth/token", Cut: true, Times: 1})
	_, err := p.refresh(token.RefreshToken)
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, passporttest.Live, p.auth.RefreshToken(token.RefreshToken).State)
	requests := await(t, p.auth, "/oauth/token", 2)
	assert.Zero(t, requests[1].Status)
}

func TestALateFaultStrikesTheAnswer(t *testing.T) {
	for name, fault := range map[string]passporttest.Fault{
		"cut":    {Cut: true},
		"status": {Status: 500},
		"error":  {Error: "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
			token := p.login()
			fault.Path, fault.Late, fault.Times = "/oauth/token", true, 1
			p.auth.Inject(fault)
			_, err := p.refresh(token.RefreshToken)
			require.Error(t, err)
			assert.Equal(t, passporttest.Rotated, p.auth.RefreshToken(token.RefreshToken).State,
				"the work was done all the same")
		})
	}
}

func TestALateHangHoldsTheAnswer(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login()
	lift := p.auth.Inject(passporttest.Fault{Path: "/v2/logout", Hang: true, Late: true})
	ended := make(chan *http.Response)
	go func() {
		resp, err := p.browser.Get(p.logoutURL())
		assert.NoError(t, err)
		ended <- resp
	}()
	await(t, p.auth, "/v2/logout", 1)
	assert.Empty(t, p.auth.Sessions())
	lift()
	resp := <-ended
	defer resp.Body.Close()
	assert.Equal(t, http.StatusFound, resp.StatusCode)
}

// The handler needs no network, so that a test can have it in a bubble where
// waiting takes no time.
func TestADelayedRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := passporttest.New(passporttest.Options{Issuer: "https://auth.example/"})
		auth.Inject(passporttest.Fault{Path: keys, Delay: time.Second})
		auth.Inject(passporttest.Fault{Path: keys, Delay: time.Minute, Late: true})
		began := time.Now()
		w := httptest.NewRecorder()
		auth.ServeHTTP(w, httptest.NewRequest(http.MethodGet, keys, nil))
		assert.Equal(t, 61*time.Second, time.Since(began))
		assert.Equal(t, http.StatusOK, w.Code)
	})
}

func TestADelayEndsWithTheClient(t *testing.T) {
	auth := start(t, passporttest.Options{})
	auth.Inject(passporttest.Fault{Path: keys, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	result := inBackground(ctx, auth, keys)
	assert.ErrorIs(t, (<-result).err, context.DeadlineExceeded)
	await(t, auth, keys, 1)
}

func TestFramingCanBeRefused(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	assert.Empty(t, p.visit(p.logoutURL()).Header.Get("X-Frame-Options"))
	p.auth.Inject(passporttest.Fault{Path: "/v2/logout", DenyFraming: true})
	resp := p.visit(p.logoutURL())
	assert.Equal(t, "DENY", resp.Header.Get("X-Frame-Options"))
	assert.Equal(t, http.StatusOK, resp.StatusCode, "browsers ignore the header on a redirect")
	assert.Equal(t, "0; url="+afterward, resp.Header.Get("Refresh"))
	assert.Contains(t, body(t, resp), `href="`+afterward+`"`)

	p.auth.Inject(passporttest.Fault{Path: "/v2/logout", DenyFraming: true, Status: 500})
	resp = p.visit(p.logoutURL())
	assert.Equal(t, "DENY", resp.Header.Get("X-Frame-Options"))
	assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
}

func TestALogoutCanPretend(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	lift := p.auth.Inject(passporttest.Fault{KeepSession: true, KeepTokens: true})
	token := p.login()
	assert.Equal(t, http.StatusOK, p.revoke(token.RefreshToken).StatusCode)
	assert.Equal(t, passporttest.Live, p.auth.RefreshToken(token.RefreshToken).State)

	resp := p.visit(p.logoutURL())
	assert.Equal(t, afterward, resp.Header.Get("Location"))
	assert.Len(t, p.auth.Sessions(), 1)
	p.login()
	assert.Equal(t, 1, p.auth.Logins(), "the browser keeps its cookie, too")

	lift()
	p.visit(p.logoutURL())
	assert.Empty(t, p.auth.Sessions())
}

func TestClaimsAndAnswersCanBeEdited(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.auth.Inject(passporttest.Fault{
		Path:       "/oauth/token",
		EditClaims: func(claims map[string]any) { claims["nonce"] = "forged"; delete(claims, "sid") },
		EditAnswer: func(answer map[string]any) { answer["expires_in"] = "3600"; delete(answer, "refresh_token") },
	})
	resp, _ := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", exchangeForm(p))
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"), "only the body is edited")
	token := p.login()
	assert.Empty(t, token.RefreshToken)
	assert.Equal(t, "3600", token.Extra("expires_in"))
	claims := claimsOf(t, token.Extra("id_token"))
	assert.Equal(t, "forged", claims["nonce"])
	assert.NotContains(t, claims, "sid")

	p.auth.Inject(passporttest.Fault{
		Path:       "/.well-known/openid-configuration",
		EditAnswer: func(answer map[string]any) { delete(answer, "revocation_endpoint") },
	})
	resp, err := p.auth.Client().Get(p.auth.URL + "/.well-known/openid-configuration")
	require.NoError(t, err)
	defer resp.Body.Close()
	var discovered map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&discovered))
	assert.Contains(t, discovered, "token_endpoint")
	assert.NotContains(t, discovered, "revocation_endpoint")
	assert.Equal(t, "application/json; charset=utf-8", resp.Header.Get("Content-Type"))
}

func TestErrorsAreNotEdited(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.auth.Inject(passporttest.Fault{EditAnswer: func(answer map[string]any) { answer["edited"] = true }})
	_, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", url.Values{})
	assert.Equal(t, "invalid_request", answer["error"])
	assert.NotContains(t, answer, "edited")
}
