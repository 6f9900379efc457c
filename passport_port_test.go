package passport_test

import (
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// portOf is the port that a server was given.
func portOf(t *testing.T, server *httptest.Server) int {
	t.Helper()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}

func withoutPort(c *passport.Config) {
	c.RedirectURI, c.LogoutRedirectURI = "http://127.0.0.1/redirect", "http://127.0.0.1/"
}

// loginAt signs a browser's user in at a port, as far as the return.
func (s *site) loginAt(p *passport.Passport) (passport.BrowserState, url.Values) {
	s.t.Helper()
	address, b, err := p.BeginLogin(s.t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(s.t, err)
	back, err := url.Parse(s.browser().stay().get(address).Header.Get("Location"))
	require.NoError(s.t, err)
	return b, back.Query()
}

func TestAProgramSignsInAndOutAtAPortThatWasFree(t *testing.T) {
	for name, edit := range map[string]func(*passport.Config){
		"passport": func(*passport.Config) {}, "discovered": discovered,
	} {
		s := newSite(t, withoutPort, edit)
		there := s.p.WithPort(portOf(t, s.server))
		b, query := s.loginAt(there)
		in, _, err := there.FinishLogin(t.Context(), b, query)
		require.NoError(t, err, name)
		assert.Equal(t, s.server.URL+"/redirect", s.auth.Requests("/authorize")[0].Query.Get("redirect_uri"), name)
		assert.Equal(t, s.server.URL+"/redirect", s.auth.Requests("/oauth/token")[0].Form.Get("redirect_uri"), name)

		l, err := there.EndSession(t.Context(), in.Session.ID())
		require.NoError(t, err, name)
		assert.Contains(t, l.URL, url.QueryEscape(s.server.URL+"/"), name)
	}
}

func TestAPassportAtAPortSharesEverythingElse(t *testing.T) {
	s := newSite(t, withoutPort)
	there := s.p.WithPort(portOf(t, s.server))
	b, query := s.loginAt(there)
	in, _, err := there.FinishLogin(t.Context(), b, query)
	require.NoError(t, err)

	session, err := s.p.Session(t.Context(), in.SessionID)
	require.NoError(t, err)
	_, err = there.EndSession(t.Context(), session.ID())
	require.NoError(t, err)
	<-session.Done(t.Context())
	require.NoError(t, there.Close(t.Context()))
	_, err = s.p.Session(t.Context(), in.SessionID)
	require.ErrorIs(t, err, passport.ErrNoSession)
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
	assert.NotContains(t, s.p.LogoutURL(), url.QueryEscape(s.server.URL), "the first is as it was")
}

func TestAPortOfTheConfigStays(t *testing.T) {
	for _, uri := range []string{"http://127.0.0.1:4000/redirect", "http://localhost:4000/redirect", "https://app.example.com/redirect"} {
		p := newPassport(t, passport.Config{ClientID: "client", RedirectURI: uri, LogoutRedirectURI: uri})
		address, _, err := p.WithPort(5000).BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
		require.NoError(t, err)
		assert.Contains(t, address, "redirect_uri="+url.QueryEscape(uri))
		assert.Equal(t, p.LogoutURL(), p.WithPort(5000).LogoutURL())
	}
	v6 := newPassport(t, passport.Config{ClientID: "client", RedirectURI: "http://[::1]/redirect"})
	address, _, err := v6.WithPort(5000).BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	assert.Contains(t, address, "redirect_uri="+url.QueryEscape("http://[::1]:5000/redirect"))
}

func TestAtRefusesWhatIsNoPort(t *testing.T) {
	p := newPassport(t, passport.Config{ClientID: "client", RedirectURI: "http://127.0.0.1/redirect"})
	for _, port := range []int{-1, 0, 65536} {
		assert.Panics(t, func() { p.WithPort(port) }, port)
	}
}
