package passport_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// newPushingSite signs in at a provider that takes only pushed requests (RFC 9126) from
// this client, of which its metadata says nothing.
func newPushingSite(t *testing.T, edit ...func(*passport.Config)) *site {
	t.Helper()
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: passporttest.ClientID, AnyLoopback: true, RequirePushedRequests: true},
	}})
	t.Cleanup(auth.Close)
	s := newSite(t, append([]func(*passport.Config){func(c *passport.Config) {
		c.AuthDomain, c.Discover, c.Issuer, c.PushedRequests, c.Now = "", true, auth.Issuer(), true, nil
	}}, edit...)...)
	s.auth = auth
	return s
}

func TestALoginOfAClientThatMustPushIsPushed(t *testing.T) {
	s := newPushingSite(t)
	b := s.browser()
	assert.Equal(t, alice, b.get("/login?return_to=/page").body)
	assert.Equal(t, url.Values{"client_id": {passporttest.ClientID}, "request_uri": s.auth.Requests("/authorize")[0].Query["request_uri"]},
		s.auth.Requests("/authorize")[0].Query)

	b.logout()
	assert.Equal(t, "nobody", b.get("/").body)
	assert.Equal(t, alice, b.get("/login").body, "a second request is a request of its own")
	assert.Len(t, s.auth.Requests("/oauth/par"), 2)
}

func TestAPushedRequestHasAllThatALoginAsksFor(t *testing.T) {
	s := newPushingSite(t, func(c *passport.Config) {
		c.LoginParams, c.UILocales = map[string]string{"access_type": "offline"}, "de"
	})
	address, state, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{
		Prompt: "select_account", MaxAge: time.Minute, ACRValues: "urn:mfa", LoginHint: "alice@example.com", Organization: "org",
		Params: map[string]string{"own": "x"}, ReturnTo: "/page",
	})
	require.NoError(t, err)
	asked := s.auth.Requests("/oauth/par")[0].Form
	for name, want := range map[string]string{
		"prompt": "select_account", "max_age": "60", "acr_values": "urn:mfa", "login_hint": "alice@example.com", "organization": "org",
		"own": "x", "access_type": "offline", "ui_locales": "de", "redirect_uri": s.server.URL + "/redirect", "code_challenge_method": "S256",
	} {
		assert.Equal(t, want, asked.Get(name), name)
	}
	in, _, err := s.p.FinishLogin(t.Context(), state, responseTo(t, s.auth, address))
	require.NoError(t, err)
	assert.Equal(t, "/page", in.ReturnTo)
}

// A logout that is unfinished, and a step-up, ask again by parameters of the request.
func TestAPushedLoginAsksForCredentialsAgain(t *testing.T) {
	s := newPushingSite(t)
	_, ended, err := s.p.EndBrowserSession(t.Context(), passport.BrowserState{})
	require.NoError(t, err)
	_, _, err = s.p.BeginLogin(t.Context(), ended, passport.LoginOptions{})
	require.NoError(t, err)
	asked := s.auth.Requests("/oauth/par")[0].Form
	assert.Equal(t, "login 1", asked.Get("prompt")+" "+asked.Get("max_age"))

	s.mux.Handle("GET /vault", s.p.RequireStepUp(passport.StepUp{ACRValues: "urn:mfa"}, s.mux))
	s.signedIn().stay().get("/vault", "Accept", "text/html")
	pushed := s.auth.Requests("/oauth/par")
	assert.Equal(t, "urn:mfa", pushed[len(pushed)-1].Form.Get("acr_values"))
}
