package passporttest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func TestDiscoveryNamesEveryEndpointBelowTheIssuer(t *testing.T) {
	auth := start(t, passporttest.Options{})
	provider, err := oidc.NewProvider(t.Context(), auth.URL+"/")
	require.NoError(t, err)

	var got struct {
		Authorization string   `json:"authorization_endpoint"`
		Token         string   `json:"token_endpoint"`
		UserInfo      string   `json:"userinfo_endpoint"`
		Revocation    string   `json:"revocation_endpoint"`
		EndSession    string   `json:"end_session_endpoint"`
		Device        string   `json:"device_authorization_endpoint"`
		Methods       []string `json:"code_challenge_methods_supported"`
		BackChannel   bool     `json:"backchannel_logout_supported"`
		WithSID       bool     `json:"backchannel_logout_session_supported"`
	}
	require.NoError(t, provider.Claims(&got))
	assert.Equal(t, auth.URL+"/authorize", got.Authorization)
	assert.Equal(t, auth.URL+"/oauth/token", got.Token)
	assert.Equal(t, auth.URL+"/userinfo", got.UserInfo)
	assert.Equal(t, auth.URL+"/oauth/revoke", got.Revocation)
	assert.Equal(t, auth.URL+"/oidc/logout", got.EndSession)
	assert.Equal(t, auth.URL+"/oauth/device/code", got.Device)
	assert.Equal(t, []string{"S256"}, got.Methods)
	assert.True(t, got.BackChannel)
	assert.True(t, got.WithSID)
}

func TestAHandlerTakesItsIssuerFromTheFirstRequest(t *testing.T) {
	auth := passporttest.New(passporttest.Options{})
	assert.Empty(t, auth.Issuer())
	server := httptest.NewServer(auth)
	defer server.Close()

	_, err := oidc.NewProvider(t.Context(), server.URL+"/")
	require.NoError(t, err)
	assert.Equal(t, server.URL+"/", auth.Issuer())

	request := httptest.NewRequest(http.MethodGet, "http://elsewhere.example/authorize", nil)
	auth.ServeHTTP(httptest.NewRecorder(), request)
	assert.Equal(t, server.URL+"/", auth.Issuer(), "a later request must not change it")
}

func TestAHandlerBehindTLSHasAnHTTPSIssuer(t *testing.T) {
	auth := passporttest.New(passporttest.Options{})
	server := httptest.NewTLSServer(auth)
	defer server.Close()

	_, err := oidc.NewProvider(oidc.ClientContext(t.Context(), server.Client()), server.URL+"/")
	assert.NoError(t, err)
}

func TestAnIssuerThatIsGivenStandsAsItIs(t *testing.T) {
	for _, path := range []string{"/tenant", "/tenant/"} {
		t.Run(path, func(t *testing.T) {
			server := httptest.NewUnstartedServer(nil)
			issuer := "http://" + server.Listener.Addr().String() + path
			auth := passporttest.New(passporttest.Options{Issuer: issuer})
			server.Config.Handler = http.StripPrefix("/tenant", auth)
			server.Start()
			defer server.Close()

			provider, err := oidc.NewProvider(t.Context(), issuer)
			require.NoError(t, err)
			assert.Equal(t, server.URL+"/tenant/oauth/token", provider.Endpoint().TokenURL)
		})
	}
}
