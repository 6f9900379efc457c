package passport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func TestNewChecksWhatItIsToldOfTheProvider(t *testing.T) {
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	discover := func(c *passport.Config) { c.Discover, c.Issuer = true, "https://op.example.com" }
	for name, c := range map[string]struct {
		edit  func(*passport.Config)
		wrong string // empty: nothing
	}{
		"http inside a cluster": {func(c *passport.Config) { c.Issuer = "http://keycloak.svc:8080/realms/x" }, "Config.Issuer must use https"},
		"http on purpose": {func(c *passport.Config) {
			c.Issuer, c.InsecureProviderHTTP = "http://keycloak.svc:8080/realms/x", true
		}, ""},
		"another scheme, on purpose": {func(c *passport.Config) { c.Issuer, c.InsecureProviderHTTP = "ftp://x", true }, "Config.Issuer"},
		"many tenants":               {func(c *passport.Config) { c.Issuer = "https://login.example.com/{tenantid}/v2.0" }, "Config.DiscoveryURL is empty"},
		"many tenants, discovered elsewhere": {func(c *passport.Config) {
			c.Issuer, c.DiscoveryURL = "https://login.example.com/{tenantid}/v2.0", "https://login.example.com/common/v2.0/.well-known/openid-configuration"
		}, ""},
		"a discovery by http":         {func(c *passport.Config) { c.DiscoveryURL = "http://op.example.com/x" }, "Config.DiscoveryURL must use https"},
		"an unknown way":              {func(c *passport.Config) { c.ClientAuth = "client_secret_jwt" }, "Config.ClientAuth"},
		"basic without a secret":      {func(c *passport.Config) { c.ClientAuth = passport.ClientSecretBasic }, "set ClientSecret too"},
		"a key that is not there":     {func(c *passport.Config) { c.ClientAuth = passport.PrivateKeyJWT }, "set ClientKey too"},
		"a key that is too small":     {func(c *passport.Config) { c.ClientKey = small }, "Config.ClientKey must be"},
		"a key":                       {func(c *passport.Config) { c.ClientKey, c.ClientAuth = good, passport.PrivateKeyJWT }, ""},
		"a certificate":               {func(c *passport.Config) { c.ClientAuth = passport.TLSClientAuth }, ""},
		"a state of the program's":    {func(c *passport.Config) { c.LoginParams = map[string]string{"state": "x"} }, "Config.LoginParams must not set state"},
		"a redirect_uri":              {func(c *passport.Config) { c.LoginParams = map[string]string{"redirect_uri": "x"} }, "redirect_uri"},
		"a nameless parameter":        {func(c *passport.Config) { c.LogoutParams = map[string]string{"": "x"} }, "without a name"},
		"a hint of the program's":     {func(c *passport.Config) { c.LogoutParams = map[string]string{"id_token_hint": "x"} }, "must not set id_token_hint"},
		"the provider's own":          {func(c *passport.Config) { c.LoginParams = map[string]string{"access_type": "offline"} }, ""},
		"a clock that is hours wrong": {func(c *passport.Config) { c.ClockLeeway = time.Hour }, "Config.ClockLeeway"},
		"no leeway":                   {func(c *passport.Config) { c.ClockLeeway = -1 }, ""},
	} {
		config := least()
		discover(&config)
		c.edit(&config)
		_, err := passport.New(config)
		if c.wrong == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.wrong, name)
		}
	}
	for name, edit := range map[string]func(*passport.Config){
		"Config.DiscoveryURL does nothing":         func(c *passport.Config) { c.DiscoveryURL = "https://op.example.com" },
		"Config.InsecureProviderHTTP does nothing": func(c *passport.Config) { c.InsecureProviderHTTP = true },
	} {
		config := least()
		edit(&config)
		_, err := passport.New(config)
		assert.ErrorContains(t, err, name)
	}
}

func TestALogoutCarriesTheAuthDomainsOwnParameters(t *testing.T) {
	c := least()
	c.LogoutParams = map[string]string{"zone": "a b"}
	c.LogoutRedirectURI = "http://localhost:3000/"
	assert.Equal(t, "https://auth.immutable.com/v2/logout?zone=a+b&client_id="+c.ClientID+"&returnTo=http%3A%2F%2Flocalhost%3A3000%2F",
		newPassport(t, c).LogoutURL())
}

// TestWhileAProviderIsDownAGoodTokenIsThereAtOnce: and the provider is not asked
// for each caller.
func TestWhileAProviderIsDownAGoodTokenIsThereAtOnce(t *testing.T) {
	s, b := stale(t) // it has expiryMargin left
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: 503})
	for range 20 {
		token, err := b.session().AccessToken(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, token)
	}
	assert.Equal(t, 2, s.refreshes())
}

func TestAProviderThatHangsHoldsUpNobodyWhoHasAGoodToken(t *testing.T) {
	s, b := stale(t)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true})
	begun := time.Now()
	token, err := b.session().AccessToken(t.Context())
	waited := time.Since(begun)
	lift()
	require.NoError(t, err)
	assert.NotEmpty(t, token)
	assert.Less(t, waited, 8*time.Second, "the refresh has ten")
}

// TestAProfileIsReadByTheExactNamesOfItsClaims: and a claim of another type costs
// itself alone.
func TestAProfileIsReadByTheExactNamesOfItsClaims(t *testing.T) {
	s := newSite(t)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(claims map[string]any) {
		claims["EMAIL"], claims["ſub"], claims["SUB"] = "mallory@example.com", "mallory", "mallory"
		claims["nickname"], claims["passport"] = []string{"al"}, "none"
	}})
	profile, err := s.signedIn().session().Profile(t.Context())
	require.NoError(t, err)
	user := passporttest.DefaultUser()
	assert.Equal(t, passport.Profile{Subject: user.Subject, Email: user.Email, Username: user.Username}, profile)
}

// TestAProfileHasWhatTheUserInfoEndpointSays: where the ID token says nothing.
func TestAProfileHasWhatTheUserInfoEndpointSays(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.UserInfo = true })
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(claims map[string]any) {
		delete(claims, "email")
		claims["nickname"] = "of the ID token"
	}})
	b := s.signedIn()
	profile, err := b.session().Profile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passporttest.DefaultUser().Email, profile.Email)
	assert.Equal(t, "of the ID token", profile.Nickname)

	s.clock.add(24 * time.Hour) // past a refresh
	_, err = b.session().AccessToken(t.Context())
	require.NoError(t, err)
	profile, err = b.session().Profile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passporttest.DefaultUser().Email, profile.Email)
}
