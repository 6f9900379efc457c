package passporttest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

// cookiesOf returns the session cookies that an answer sets.
func cookiesOf(t *testing.T, resp *http.Response) (auth0, compat *http.Cookie) {
	t.Helper()
	byName := make(map[string]*http.Cookie)
	for _, c := range resp.Cookies() {
		byName[c.Name] = c
	}
	require.Contains(t, byName, "auth0")
	require.Contains(t, byName, "auth0_compat")
	return byName["auth0"], byName["auth0_compat"]
}

func TestTheCookiesAreAuth0s(t *testing.T) {
	for name, options := range map[string]passporttest.Options{
		"https": {AutoLogin: true, TLS: true},
		"http":  {AutoLogin: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newParty(t, start(t, options))
			auth0, compat := cookiesOf(t, p.visit(p.config.AuthCodeURL("s")+"&code_challenge=x&code_challenge_method=S256"))
			assert.Equal(t, http.SameSiteNoneMode, auth0.SameSite)
			assert.True(t, auth0.Secure)
			assert.Zero(t, compat.SameSite)
			assert.Equal(t, options.TLS, compat.Secure, "a cookie jar keeps it over http only if it is not Secure")
			for _, c := range []*http.Cookie{auth0, compat} {
				assert.True(t, c.HttpOnly)
				assert.Equal(t, "/", c.Path)
				assert.Empty(t, c.Domain)
				assert.Equal(t, int((72 * time.Hour).Seconds()), c.MaxAge)
			}

			auth0, compat = cookiesOf(t, p.visit(p.logoutURL()))
			assert.Negative(t, auth0.MaxAge)
			assert.Negative(t, compat.MaxAge)
			assert.True(t, auth0.Secure)
			assert.Equal(t, http.SameSiteNoneMode, auth0.SameSite)
		})
	}
}

func TestSameSiteCanBeSet(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true, CookieSameSite: http.SameSiteLaxMode}))
	auth0, _ := cookiesOf(t, p.visit(p.config.AuthCodeURL("s")+"&code_challenge=x&code_challenge_method=S256"))
	assert.Equal(t, http.SameSiteLaxMode, auth0.SameSite)
}

func TestEitherCookieIsEnough(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	auth0, compat := cookiesOf(t, p.visit(p.config.AuthCodeURL("s")+"&code_challenge=x&code_challenge_method=S256"))
	for _, c := range []*http.Cookie{auth0, compat} {
		req, err := http.NewRequest(http.MethodGet, p.auth.URL+"/authorize?"+authorizeParams().Encode()+"&prompt=none", nil)
		require.NoError(t, err)
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		resp, err := stopAt(p.auth.Client(), callback).Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.NotEmpty(t, answerTo(t, resp).Get("code"), c.Name)
	}
}

func TestWhatSessionsReturnsIsACopy(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login()
	p.auth.Sessions()[0].ClientIDs[0] = "changed"
	assert.Equal(t, []string{passporttest.ClientID}, p.auth.Sessions()[0].ClientIDs)
}
