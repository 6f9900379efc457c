package passporttest_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func TestTheFrontChannelURL(t *testing.T) {
	auth := start(t, passporttest.Options{})
	u, err := url.Parse(auth.FrontChannelLogoutURL("https://app.example/front?keep=a%2Fb", "a+b/c"))
	require.NoError(t, err)
	assert.Equal(t, url.Values{"keep": {"a/b"}, "iss": {auth.Issuer()}, "sid": {"a+b/c"}}, u.Query())
	assert.Equal(t, "https://app.example/front", auth.FrontChannelLogoutURL("https://app.example/front", ""))
}

func TestEveryInvalidFrontChannelURLIsInvalid(t *testing.T) {
	auth := start(t, passporttest.Options{})
	urls := auth.InvalidFrontChannelLogoutURLs("https://app.example/front", "the-sid")
	assert.Greater(t, len(urls), 5)
	for wrong, raw := range urls {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		iss, sid := u.Query()["iss"], u.Query()["sid"]
		valid := len(iss) == 1 && iss[0] == auth.Issuer() && len(sid) == 1 && sid[0] == "the-sid"
		assert.False(t, valid, wrong)
	}
}

func TestALogoutVisitsTheClientsOfTheSessionInFrames(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: "shop", AnyLoopback: true, FrontChannelLogoutURI: "http://shop.localhost/front"},
		{ID: "chat", AnyLoopback: true, FrontChannelLogoutURI: "http://chat.localhost/front"},
		{ID: "quiet", AnyLoopback: true},
	}})
	for name, path := range map[string]string{
		"/v2/logout":   "/v2/logout?" + logoutParams("shop", afterward).Encode(),
		"/oidc/logout": "/oidc/logout?client_id=shop&logout_hint=SID&post_logout_redirect_uri=" + url.QueryEscape(afterward),
	} {
		t.Run(name, func(t *testing.T) {
			p := newParty(t, auth)
			for _, id := range []string{"shop", "quiet"} {
				p.config.ClientID = id
				p.login()
			}
			sid := auth.Sessions()[0].SID
			resp := p.visit(auth.URL + strings.ReplaceAll(path, "SID", sid))
			text := html.UnescapeString(body(t, resp))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "0; url="+afterward, resp.Header.Get("Refresh"))
			assert.Contains(t, text, `src="`+auth.FrontChannelLogoutURL("http://shop.localhost/front", sid)+`"`)
			assert.NotContains(t, text, "chat.localhost")
			assert.Empty(t, auth.Sessions())

			again := p.visit(auth.URL + strings.ReplaceAll(path, "SID", sid))
			assert.Equal(t, http.StatusFound, again.StatusCode, "there was nothing left to end")
		})
	}
}
