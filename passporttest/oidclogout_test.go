package passporttest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func (p *party) oidcLogout(params url.Values) *http.Response {
	p.t.Helper()
	return p.visit(p.auth.URL + "/oidc/logout?" + params.Encode())
}

func idToken(t *testing.T, p *party) string {
	t.Helper()
	raw, _ := p.login().Extra("id_token").(string)
	require.NotEmpty(t, raw)
	return raw
}

func TestOIDCLogoutWithAHintEndsTheSession(t *testing.T) {
	now := newClock()
	auth := start(t, passporttest.Options{AutoLogin: true, Now: now.Now})
	for name, params := range map[string]func(p *party) url.Values{
		"id_token_hint": func(p *party) url.Values {
			return url.Values{"id_token_hint": {idToken(t, p)}}
		},
		"expired id_token_hint": func(p *party) url.Values {
			hint := idToken(t, p)
			now.advance(11 * time.Hour)
			return url.Values{"id_token_hint": {hint}}
		},
		"id_token_hint and client_id": func(p *party) url.Values {
			return url.Values{"id_token_hint": {idToken(t, p)}, "client_id": {passporttest.ClientID}}
		},
		"logout_hint and client_id": func(p *party) url.Values {
			idToken(t, p)
			return url.Values{"logout_hint": {auth.Sessions()[0].SID}, "client_id": {passporttest.ClientID}}
		},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(method+" with "+name, func(t *testing.T) {
				p := newParty(t, auth)
				form := params(p)
				form.Set("post_logout_redirect_uri", afterward)
				form.Set("state", "a state & more")
				var resp *http.Response
				if method == http.MethodGet {
					resp = p.oidcLogout(form)
				} else {
					resp, _ = post(t, p.browser, auth.URL+"/oidc/logout", form)
				}
				assert.Equal(t, "a state & more", answerTo(t, resp).Get("state"))
				assert.Empty(t, auth.Sessions())
			})
		}
	}
}

func TestOIDCLogoutRefusesWhatDoesNotFit(t *testing.T) {
	auth := start(t, passporttest.Options{
		AutoLogin: true,
		Clients: []passporttest.Client{
			{ID: passporttest.ClientID, RedirectURIs: []string{callback}, LogoutURLs: []string{afterward}},
			{ID: "other", RedirectURIs: []string{callback}, LogoutURLs: []string{"https://other.example/"}},
		},
		LogoutURLs: []string{"https://tenant.example/"},
	})
	p := newParty(t, auth)
	hint := idToken(t, p)
	forged := hint[:len(hint)-8] + "AAAAAAAA"
	foreign := idToken(t, newParty(t, start(t, passporttest.Options{AutoLogin: true})))
	for name, params := range map[string]url.Values{
		"hint that is no token":       {"id_token_hint": {"x"}},
		"hint that is forged":         {"id_token_hint": {forged}},
		"hint of another issuer":      {"id_token_hint": {foreign}},
		"hint for another client":     {"id_token_hint": {hint}, "client_id": {"other"}},
		"hints that disagree":         {"id_token_hint": {hint}, "logout_hint": {"another"}},
		"unknown client":              {"client_id": {"nobody"}},
		"unlisted URL":                {"id_token_hint": {hint}, "post_logout_redirect_uri": {callback}},
		"URL with a query":            {"id_token_hint": {hint}, "post_logout_redirect_uri": {afterward + "?x=1"}},
		"another client's URL":        {"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://other.example/"}},
		"tenant's URL for a client":   {"client_id": {"other"}, "post_logout_redirect_uri": {"https://tenant.example/"}},
		"client's URL without client": {"post_logout_redirect_uri": {afterward}},
	} {
		t.Run(name, func(t *testing.T) {
			resp := p.oidcLogout(params)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Len(t, auth.Sessions(), 1)
		})
	}
}

func TestOIDCLogoutTargets(t *testing.T) {
	auth := start(t, passporttest.Options{
		AutoLogin: true,
		Clients: []passporttest.Client{
			{ID: passporttest.ClientID, LogoutURLs: []string{afterward}}, {ID: "none"},
		},
		LogoutURLs: []string{"https://tenant.example/"},
	})
	p := newParty(t, auth)
	p.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	resp := p.oidcLogout(url.Values{"client_id": {passporttest.ClientID}})
	assert.Equal(t, afterward, resp.Header.Get("Location"), "the client's first by default")
	resp = p.oidcLogout(url.Values{"post_logout_redirect_uri": {"https://tenant.example/"}})
	assert.Equal(t, "https://tenant.example/", resp.Header.Get("Location"), "the tenant's without a client")
	resp = p.oidcLogout(url.Values{"client_id": {"none"}})
	assert.Equal(t, http.StatusOK, resp.StatusCode, "a page where nothing is registered")
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// decide presses a button on the confirmation page.
func decide(t *testing.T, p *party, text, decision string) *http.Response {
	t.Helper()
	form := make(url.Values)
	for _, field := range hidden.FindAllStringSubmatch(text, -1) {
		form.Add(field[1], field[2])
	}
	form.Add("decision", decision) // after the hidden fields, as browsers send it
	resp, err := p.browser.PostForm(p.auth.URL+"/oidc/logout/confirm", form)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestOIDCLogoutAsksTheUserWhereAHintIsMissing(t *testing.T) {
	for name, options := range map[string]struct {
		o      passporttest.Options
		hinted bool
	}{
		"no hint":       {passporttest.Options{AutoLogin: true}, false},
		"ConfirmLogout": {passporttest.Options{AutoLogin: true, ConfirmLogout: true}, true},
	} {
		for _, decision := range []string{"yes", "no"} {
			t.Run(name+", "+decision, func(t *testing.T) {
				p := newParty(t, start(t, options.o))
				params := url.Values{
					"client_id": {passporttest.ClientID}, "post_logout_redirect_uri": {afterward}, "state": {"s"},
					"decision": {"yes"}, // is not the client's to take
				}
				hint := idToken(t, p)
				if options.hinted {
					params.Set("id_token_hint", hint)
				}
				page := p.oidcLogout(params)
				require.Equal(t, http.StatusOK, page.StatusCode)
				assert.Equal(t, "DENY", page.Header.Get("X-Frame-Options"))
				assert.Len(t, p.auth.Sessions(), 1)

				resp := decide(t, p, body(t, page), decision)
				assert.Equal(t, "s", answerTo(t, resp).Get("state"), "the browser comes back either way")
				assert.Equal(t, decision == "no", len(p.auth.Sessions()) == 1)
			})
		}
	}
}

func TestAHintForAnotherSessionIsNotEnough(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true})
	p, q := newParty(t, auth), newParty(t, auth)
	p.login()
	page := p.oidcLogout(url.Values{"id_token_hint": {idToken(t, q)}, "post_logout_redirect_uri": {afterward}})
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Len(t, auth.Sessions(), 2)
}

func TestAStrangerCannotConfirmTheLogout(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login()
	req, err := http.NewRequest(http.MethodPost, p.auth.URL+"/oidc/logout/confirm?decision=yes", nil)
	require.NoError(t, err)
	req.Header.Set("Origin", "https://evil.example")
	resp, err := p.browser.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Len(t, p.auth.Sessions(), 1)
}

func TestOIDCLogoutWithoutASessionGoesStraightOn(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{ConfirmLogout: true}))
	resp := p.oidcLogout(url.Values{
		"client_id": {passporttest.ClientID}, "post_logout_redirect_uri": {afterward}, "state": {"s"},
	})
	assert.Equal(t, "s", answerTo(t, resp).Get("state"))
}

func TestStayingSignedInWithNowhereToGoEndsOnAPage(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login()
	resp := decide(t, p, body(t, p.oidcLogout(nil)), "no")
	assert.Contains(t, body(t, resp), "You are still signed in")
}
