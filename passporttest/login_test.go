package passporttest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

// loginPage opens the page and returns its address and text.
func loginPage(t *testing.T, p *party, params url.Values) (*http.Response, string) {
	t.Helper()
	resp := p.visit(p.auth.URL + "/authorize?" + params.Encode())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return resp, body(t, resp)
}

func TestTheLoginPageLetsTheUserChoose(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{Users: []passporttest.User{alice, bob}}))
	page, text := loginPage(t, p, authorizeParams())
	assert.Contains(t, text, alice.Email)
	assert.Contains(t, text, bob.Email)
	assert.Equal(t, "DENY", page.Header.Get("X-Frame-Options"))
	assert.Equal(t, "no-store", page.Header.Get("Cache-Control"))
	assert.Empty(t, p.auth.Sessions())

	resp, err := p.browser.PostForm(page.Request.URL.String(), url.Values{"user": {bob.Subject}})
	require.NoError(t, err)
	defer resp.Body.Close()
	answer := answerTo(t, resp)
	assert.NotEmpty(t, answer.Get("code"))
	assert.Equal(t, "the-state", answer.Get("state"))
	require.Len(t, p.auth.Sessions(), 1)
	assert.Equal(t, bob, p.auth.Sessions()[0].User)
}

func TestTheLoginPageMarksTheUserWhomTheClientNames(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{Users: []passporttest.User{alice, bob}}))
	params := authorizeParams()
	params.Set("login_hint", bob.Email)
	_, text := loginPage(t, p, params)
	hinted := text[strings.Index(text, "user hinted"):]
	assert.Contains(t, hinted[:60], bob.Subject)
}

func TestCancellingTheLoginIsAccessDenied(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{}))
	page, _ := loginPage(t, p, authorizeParams())
	resp, err := p.browser.PostForm(page.Request.URL.String(), url.Values{"deny": {"1"}})
	require.NoError(t, err)
	defer resp.Body.Close()
	answer := answerTo(t, resp)
	assert.Equal(t, "access_denied", answer.Get("error"))
	assert.Equal(t, "the-state", answer.Get("state"))
	assert.Empty(t, p.auth.Sessions())
}

func TestTheLoginPageIsNotToBeFooled(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{}))
	page, _ := loginPage(t, p, authorizeParams())
	chosen := url.Values{"user": {passporttest.DefaultUser().Subject}}

	t.Run("by a form on another site", func(t *testing.T) {
		req, err := http.NewRequest(http.MethodPost, page.Request.URL.String(), strings.NewReader(chosen.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := p.browser.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	})
	t.Run("by a user who is not there", func(t *testing.T) {
		resp, _ := post(t, p.browser, page.Request.URL.String(), url.Values{"user": {"nobody"}})
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	})
	t.Run("by another redirect URI", func(t *testing.T) {
		params := authorizeParams()
		params.Set("redirect_uri", "https://evil.example/")
		resp, _ := post(t, p.browser, p.auth.URL+"/u/login?"+params.Encode(), chosen)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	})
	assert.Empty(t, p.auth.Sessions())
}

func TestPagesEscapeWhatTheyAreGiven(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{}))
	resp := p.visit(p.auth.URL + "/v2/logout?client_id=" + url.QueryEscape("<script>alert(1)</script>"))
	text := body(t, resp)
	assert.NotContains(t, text, "<script>")
	assert.Contains(t, text, "&lt;script&gt;")
	assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
}
