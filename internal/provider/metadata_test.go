package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/provider"
)

func authorize(t *testing.T, c *provider.Client) url.Values {
	t.Helper()
	address, err := c.AuthorizeURL(t.Context(), provider.AuthRequest{
		RedirectURI: "http://localhost/redirect", State: "state", Nonce: "nonce", Verifier: "verifier",
		Params: map[string]string{"prompt": "login", "ui_locales": ""},
	})
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Query()
}

func TestTheUsualScopesAreThoseThatTheProviderLists(t *testing.T) {
	for want, offered := range map[string]any{
		"openid profile email":                nil,
		"openid":                              []string{},
		"openid email":                        []string{"openid", "email"},
		"openid profile email offline_access": []string{"offline_access", "email", "profile", "openid", "phone"},
		"openid offline_access":               []string{"offline_access"},
	} {
		o := newOP(t)
		if offered != nil {
			o.metadata["scopes_supported"] = offered
		}
		assert.Equal(t, want, authorize(t, o.client()).Get("scope"))
		own := o.client(func(c *provider.Config) { c.Scopes = []string{"openid", "transact"} })
		assert.Equal(t, "openid transact", authorize(t, own).Get("scope"), "what the program asks for is asked for")
	}
	o := newOP(t)
	endpoints := authdomain.At(o.url)
	passport := o.client(func(c *provider.Config) { c.Endpoints = &endpoints })
	assert.Equal(t, "openid profile email offline_access transact", authorize(t, passport).Get("scope"))
}

func TestALoginCarriesTheProvidersOwnParameters(t *testing.T) {
	o := newOP(t)
	o.metadata["authorization_endpoint"] = o.url + "/authorize?p=policy"
	o.metadata["end_session_endpoint"] = o.url + "/logout?p=policy"
	c := o.client(func(c *provider.Config) {
		c.LoginParams, c.LogoutParams = map[string]string{"access_type": "offline"}, map[string]string{"logout_uri": "https://app/?x=1&y"}
	})
	sent := authorize(t, c)
	assert.Equal(t, url.Values{
		"p": {"policy"}, "access_type": {"offline"}, "client_id": {clientID}, "code_challenge": sent["code_challenge"],
		"code_challenge_method": {"S256"}, "nonce": {"nonce"}, "prompt": {"login"}, "redirect_uri": {"http://localhost/redirect"},
		"response_type": {"code"}, "scope": {"openid profile email"}, "state": {"state"},
	}, sent)
	m, err := c.Metadata(t.Context())
	require.NoError(t, err)
	u, err := url.Parse(m.Endpoints.Logout)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"p": {"policy"}, "logout_uri": {"https://app/?x=1&y"}}, u.Query())
}

func TestAPushedRequestGoesToTheProviderFirst(t *testing.T) {
	o := newOP(t)
	o.metadata["pushed_authorization_request_endpoint"] = o.url + "/par"
	assert.NotEmpty(t, authorize(t, o.client()).Get("state"), "it is not required")

	o.metadata["require_pushed_authorization_requests"] = true
	o.answer("/par", "application/json", `{"request_uri":"urn:x:1","expires_in":60}`, http.StatusCreated)
	sent := authorize(t, o.client(func(c *provider.Config) { c.ClientSecret = "secret" }))
	assert.Equal(t, url.Values{"client_id": {clientID}, "request_uri": {"urn:x:1"}}, sent)
	pushed := o.last("/par")
	assert.Equal(t, "state", pushed.form.Get("state"))
	assert.Equal(t, "login", pushed.form.Get("prompt"))
	_, secret, _ := (&http.Request{Header: pushed.header}).BasicAuth()
	assert.Equal(t, "secret", secret)

	delete(o.metadata, "require_pushed_authorization_requests")
	push := func(c *provider.Config) { c.Push = true }
	assert.Equal(t, url.Values{"client_id": {clientID}, "request_uri": {"urn:x:1"}}, authorize(t, o.client(push)), "of this client")
	delete(o.metadata, "pushed_authorization_request_endpoint")
	_, err := o.client(push).Metadata(t.Context())
	assert.ErrorContains(t, err, "pushed_authorization_request_endpoint is missing")
	o.metadata["pushed_authorization_request_endpoint"] = o.url + "/par"
	o.metadata["require_pushed_authorization_requests"] = true

	for status, body := range map[int]string{400: `{"error":"invalid_request"}`, 201: `{}`, 200: `<html>`} {
		o.answer("/par", "application/json", body, status)
		_, err := o.client().AuthorizeURL(t.Context(), provider.AuthRequest{})
		assert.Error(t, err, body)
	}
}

func TestDiscoveryIsOfTheIssuerAndNoOther(t *testing.T) {
	for name, edit := range map[string]func(*op, *provider.Config){
		"another issuer":         func(o *op, _ *provider.Config) { o.metadata["issuer"] = "https://evil.example.com" },
		"a slash":                func(o *op, _ *provider.Config) { o.metadata["issuer"] = o.url + "/" },
		"none":                   func(o *op, _ *provider.Config) { delete(o.metadata, "issuer") },
		"in capitals":            func(o *op, _ *provider.Config) { delete(o.metadata, "issuer"); o.metadata["ISSUER"] = o.url },
		"no token endpoint":      func(o *op, _ *provider.Config) { delete(o.metadata, "token_endpoint") },
		"no keys":                func(o *op, _ *provider.Config) { o.metadata["jwks_uri"] = 17 },
		"an endpoint by http":    func(o *op, _ *provider.Config) { o.metadata["token_endpoint"] = "http://login.example.com/token" },
		"another's address":      func(o *op, c *provider.Config) { c.Issuer, c.DiscoveryURL = "https://app", o.url },
		"pushing to nowhere":     func(o *op, _ *provider.Config) { o.metadata["require_pushed_authorization_requests"] = true },
		"an endpoint in letters": func(o *op, _ *provider.Config) { o.metadata["end_session_endpoint"] = "javascript:alert(1)" },
	} {
		o := newOP(t)
		_, err := o.client(func(c *provider.Config) { edit(o, c) }).Metadata(t.Context())
		assert.Error(t, err, name)
	}
	for name, edit := range map[string]func(*op, *provider.Config){
		"an address of its own": func(o *op, c *provider.Config) {
			c.Issuer, c.DiscoveryURL = "https://login.example.com/0a1b/v2.0/", o.url+"/.well-known/openid-configuration"
			o.metadata["issuer"] = c.Issuer
		},
		"http inside a cluster": func(o *op, c *provider.Config) {
			c.InsecureHTTP = true
			o.metadata["token_endpoint"] = "http://keycloak.svc:8080/token"
		},
		"an optional one of another type": func(o *op, _ *provider.Config) { o.metadata["revocation_endpoint"] = []string{"x"} },
		"odd lists":                       func(o *op, _ *provider.Config) { o.metadata["token_endpoint_auth_methods_supported"] = "all" },
		"endpoints of mTLS": func(o *op, c *provider.Config) {
			c.Auth = provider.AuthTLS
			o.metadata["mtls_endpoint_aliases"] = map[string]any{"token_endpoint": "https://mtls.example.com/token"}
		},
	} {
		o := newOP(t)
		m, err := o.client(func(c *provider.Config) { edit(o, c) }).Metadata(t.Context())
		if assert.NoError(t, err, name) && name == "endpoints of mTLS" {
			assert.Equal(t, "https://mtls.example.com/token", m.Endpoints.Token)
		}
	}
}

// TestDiscoveryIsReadAgainNowAndThen: in the background, with the old one in use.
func TestDiscoveryIsReadAgainNowAndThen(t *testing.T) {
	const path = "/.well-known/openid-configuration"
	o := newOP(t)
	started := 0
	c := o.client(func(c *provider.Config) {
		c.Start = func(f func(context.Context)) bool { started++; f(context.Background()); return true }
	})
	token := func() string {
		m, err := c.Metadata(t.Context())
		require.NoError(t, err)
		return m.Endpoints.Token
	}
	old := token()
	o.ahead = 59 * time.Minute
	token()
	assert.Equal(t, 1, o.count(path))

	o.answer(path, "text/html", "down", http.StatusBadGateway)
	o.ahead = 61 * time.Minute
	for range 5 {
		assert.Equal(t, old, token())
	}
	assert.Equal(t, 2, o.count(path), "a provider that is down is not asked each time")
	assert.Equal(t, 1, started)

	o.metadata["token_endpoint"] = o.url + "/token2"
	o.serve(path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o.metadata) })
	o.ahead = 63 * time.Minute
	token()
	assert.Equal(t, o.url+"/token2", token())
}

func TestTheIssuerOfAResponseIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		says     bool // the provider always names itself
		response url.Values
		wrong    string // in the error; empty: the code is taken
	}{
		"a code":                         {false, url.Values{"code": {"c"}}, ""},
		"a code with iss":                {false, url.Values{"code": {"c"}, "iss": {"ISS"}}, ""},
		"a code with iss, always":        {true, url.Values{"code": {"c"}, "iss": {"ISS"}}, ""},
		"a code without iss, always":     {true, url.Values{"code": {"c"}}, "issuer"},
		"another iss":                    {false, url.Values{"code": {"c"}, "iss": {"https://evil"}}, "Issuer"},
		"an empty iss":                   {false, url.Values{"code": {"c"}, "iss": {""}}, "Issuer"},
		"two iss":                        {false, url.Values{"code": {"c"}, "iss": {"ISS", "https://evil"}}, "Issuer"},
		"an error":                       {false, url.Values{"error": {"access_denied"}}, "access_denied"},
		"an error without iss, always":   {true, url.Values{"error": {"access_denied"}}, "access_denied"},
		"an error with iss":              {true, url.Values{"error": {"access_denied"}, "iss": {"ISS"}}, "access_denied"},
		"another's error":                {true, url.Values{"error": {"access_denied"}, "iss": {"https://evil"}}, "Issuer"},
		"nothing":                        {false, url.Values{}, "neither"},
		"an error that is no code of it": {false, url.Values{"error": {strings.Repeat("x", 9000)}}, "answered"},
	} {
		o := newOP(t)
		o.metadata["authorization_response_iss_parameter_supported"] = c.says
		for i, iss := range c.response["iss"] {
			c.response["iss"][i] = strings.Replace(iss, "ISS", o.url, 1)
		}
		code, err := o.client().CodeOf(t.Context(), c.response)
		if c.wrong == "" {
			assert.NoError(t, err, name)
			assert.Equal(t, "c", code, name)
			continue
		}
		assert.ErrorContains(t, err, c.wrong, name)
		assert.Less(t, len(err.Error()), 300)
	}
}

func TestALongLogoutIsPostedOnlyWherePostIsKnownToWork(t *testing.T) {
	for status, accepted := range map[int]bool{200: true, 302: true, 400: true, 403: true, 404: false, 405: false, 501: false} {
		o := newOP(t)
		o.metadata["end_session_endpoint"] = o.url + "/logout"
		o.answer("/logout", "text/html", "page", status)
		c := o.client()
		for range 3 {
			assert.Equal(t, accepted, c.AcceptsPostedLogout(t.Context()), status)
		}
		assert.Equal(t, 1, o.count("/logout"), "tried once")
		assert.Empty(t, o.last("/logout").form)
	}
	o := newOP(t)
	assert.False(t, o.client().AcceptsPostedLogout(t.Context()), "no such endpoint")
	o.metadata["end_session_endpoint"] = o.url + "/logout"
	o.answer("/logout", "text/html", "down", http.StatusBadGateway)
	c := o.client()
	assert.False(t, c.AcceptsPostedLogout(t.Context()))
	o.answer("/logout", "text/html", "up", http.StatusOK)
	assert.True(t, c.AcceptsPostedLogout(t.Context()), "an outage says nothing")
}
