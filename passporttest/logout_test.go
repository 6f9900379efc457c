package passporttest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func logoutOptions() passporttest.Options {
	return passporttest.Options{
		AutoLogin: true,
		Clients: []passporttest.Client{
			{ID: passporttest.ClientID, AnyLoopback: true},
			{ID: "listed", LogoutURLs: []string{"https://first.example/bye", "https://Second.example/bye?registered=1"}},
			{ID: "none"},
		},
		LogoutURLs: []string{"https://tenant.example/", "https://tenant.example/other"},
	}
}

func TestLogoutGoesWhereTheListsAllow(t *testing.T) {
	p := newParty(t, start(t, logoutOptions()))
	p.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, test := range []struct {
		name, client, returnTo, want string
	}{
		{"client's first by default", "listed", "", "https://first.example/bye"},
		{"client's", "listed", "https://first.example/bye", "https://first.example/bye"},
		{"query is not compared", "listed", "https://first.example/bye?x=1&y", "https://first.example/bye?x=1&y"},
		{"hash is not compared", "listed", "https://first.example/bye#there", "https://first.example/bye#there"},
		{"registered query is not compared", "listed", "https://second.example/bye", "https://second.example/bye"},
		{"case of the host is not compared", "listed", "HTTPS://FIRST.example/bye", "HTTPS://FIRST.example/bye"},
		{"tenant's first by default", "", "", "https://tenant.example/"},
		{"tenant's", "", "https://tenant.example/other", "https://tenant.example/other"},
		{"any on loopback", passporttest.ClientID, "http://app.localhost:99/x", "http://app.localhost:99/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp := p.visit(p.auth.URL + "/v2/logout?" + logoutParams(test.client, test.returnTo).Encode())
			assert.Equal(t, http.StatusFound, resp.StatusCode)
			assert.Equal(t, test.want, resp.Header.Get("Location"))
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		})
	}
}

func logoutParams(client, returnTo string) url.Values {
	params := make(url.Values)
	if client != "" {
		params.Set("client_id", client)
	}
	if returnTo != "" {
		params.Set("returnTo", returnTo)
	}
	return params
}

func TestALogoutToAnUnlistedURLEndsNothing(t *testing.T) {
	p := newParty(t, start(t, logoutOptions()))
	p.login()
	for _, test := range []struct{ client, returnTo string }{
		{"unknown", ""},
		{"listed", "https://first.example/"},
		{"listed", "https://first.example/bye/"},
		{"listed", "https://first.example/BYE"},
		{"listed", "http://first.example/bye"},
		{"listed", "https://tenant.example/"},
		{"listed", "//first.example/bye"},
		{"listed", "/bye"},
		{"listed", "https://user@first.example/bye"},
		{"none", afterward},
		{"", "https://first.example/bye"},
		{"", afterward},
		{passporttest.ClientID, "https://first.example/bye"},
	} {
		t.Run(test.client+" "+test.returnTo, func(t *testing.T) {
			resp := p.visit(p.auth.URL + "/v2/logout?" + logoutParams(test.client, test.returnTo).Encode())
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Contains(t, resp.Header.Get("Content-Type"), "text/html")
			assert.Len(t, p.auth.Sessions(), 1)
		})
	}
}

func TestALogoutWithNothingRegisteredEndsOnAPage(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login()
	resp := p.visit(p.auth.URL + "/v2/logout?client_id=" + passporttest.ClientID)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, body(t, resp), "You are signed out")
	assert.Empty(t, p.auth.Sessions())
}

func TestALogoutEndsTheSessionOfThatBrowserAlone(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true, Users: []passporttest.User{alice, bob}})
	laptop, phone := newParty(t, auth), newParty(t, auth)
	laptop.login()
	phone.login()
	require.Len(t, auth.Sessions(), 2)

	laptop.visit(laptop.logoutURL())
	require.Len(t, auth.Sessions(), 1)
	phone.login()
	assert.Equal(t, 2, auth.Logins(), "the other browser is still signed in")
	laptop.login()
	assert.Equal(t, 3, auth.Logins(), "this one is not")
}

// What a server that calls the logout URL by itself achieves, and a hidden
// iframe in a browser that blocks third-party cookies.
func TestALogoutWithoutTheCookieLooksTheSameAndEndsNothing(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login()
	elsewhere := newParty(t, p.auth)
	resp := elsewhere.visit(p.logoutURL())
	assert.Equal(t, http.StatusFound, resp.StatusCode)
	assert.Equal(t, afterward, resp.Header.Get("Location"))
	assert.Len(t, p.auth.Sessions(), 1)

	requests := p.auth.Requests("/v2/logout")
	require.Len(t, requests, 1)
	assert.Empty(t, requests[0].SID, "the record tells why")
}

func TestTheRecordNamesTheSessionThatWasEnded(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	p.login()
	ended := p.auth.Sessions()[0].SID
	p.visit(p.logoutURL() + "&federated")
	request := p.auth.Requests("/v2/logout")[0]
	assert.Equal(t, ended, request.SID)
	assert.True(t, request.Query.Has("federated"))
}

func TestALogoutLeavesRefreshTokensAlive(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{AutoLogin: true}))
	token := p.login()
	p.visit(p.logoutURL())
	_, err := p.refresh(token.RefreshToken)
	assert.NoError(t, err)
}
