package passport_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// least is the smallest Config that New takes.
func least() passport.Config {
	return passport.Config{ClientID: "client", RedirectURI: "https://app.example.com/redirect"}
}

func TestNewTakesTheSmallestConfig(t *testing.T) {
	p := newPassport(t, least())
	assert.Equal(t, "https://auth.immutable.com/v2/logout?client_id=client", p.LogoutURL(),
		"without a LogoutRedirectURI returnTo is left out")
}

func TestNewNamesTheFieldOfEachProblemAndTheWayOut(t *testing.T) {
	key := []byte("a key of exactly thirty-two byte")
	for _, row := range []struct {
		field, says string
		edit        func(*passport.Config)
	}{
		{"ClientID", "set it to", func(c *passport.Config) { c.ClientID = "" }},
		{"ClientID", "white space", func(c *passport.Config) { c.ClientID = "client\n" }},
		{"Environment", "passport.Sandbox or passport.Production", func(c *passport.Config) { c.Environment = "staging" }},
		{"RedirectURI", "set it to", func(c *passport.Config) { c.RedirectURI = "" }},
		{"RedirectURI", "absolute URL", func(c *passport.Config) { c.RedirectURI = "/redirect" }},
		{"RedirectURI", "absolute URL", func(c *passport.Config) { c.RedirectURI = "javascript:alert(1)" }},
		{"RedirectURI", "absolute URL", func(c *passport.Config) { c.RedirectURI = "mygame://redirect" }},
		{"RedirectURI", "fragment", func(c *passport.Config) { c.RedirectURI = "https://app.example.com/#x" }},
		{"RedirectURI", "must use https", func(c *passport.Config) { c.RedirectURI = "http://app.example.com/redirect" }},
		{"RedirectURI", "spaces", func(c *passport.Config) { c.RedirectURI = "https://app.example.com/redirect " }},
		{"RedirectURI", "user name", func(c *passport.Config) { c.RedirectURI = "https://me:pw@app.example.com/" }},
		{"LogoutRedirectURI", "absolute URL", func(c *passport.Config) { c.LogoutRedirectURI = "//app.example.com" }},
		{"LogoutRedirectURI", "must use https", func(c *passport.Config) { c.LogoutRedirectURI = "http://app.example.com" }},
		{"LogoutRedirectURI", "LogoutSilentCallback", func(c *passport.Config) { c.LogoutMode = passport.LogoutSilent }},
		{"LogoutMode", "passport.LogoutRedirect or passport.LogoutSilent", func(c *passport.Config) { c.LogoutMode = "popup" }},
		{"SilentFallback", "passport.FallbackRedirect or passport.FallbackReport", func(c *passport.Config) { c.SilentFallback = "retry" }},
		{"AuthDomain", "bare origin", func(c *passport.Config) { c.AuthDomain = "https://auth.example.com/tenant" }},
		{"AuthDomain", "must use https", func(c *passport.Config) { c.AuthDomain = "http://auth.example.com" }},
		{"Issuer", "absolute URL", func(c *passport.Config) { c.Issuer = "auth.example.com" }},
		{"APIDomain", "bare origin", func(c *passport.Config) { c.APIDomain = "https://api.example.com/v1" }},
		{"Scopes", "openid", func(c *passport.Config) { c.Scopes = []string{"email"} }},
		{"Scopes", "element of its own", func(c *passport.Config) { c.Scopes = []string{"openid", "a b"} }},
		{"EncryptionKeys", "5 bytes long", func(c *passport.Config) { c.EncryptionKeys = [][]byte{key, []byte("short")} }},
		{"EncryptionKeys", "openssl rand", func(c *passport.Config) { c.Store = elsewhere{memory.New(memory.Options{})} }},
		{"SessionLifetime", "negative", func(c *passport.Config) { c.SessionLifetime = -1 }},
		{"SilentTimeout", "negative", func(c *passport.Config) { c.SilentTimeout = -1 }},
		{"SessionLifetime", "give it a unit", func(c *passport.Config) { c.SessionLifetime = 30 }},
		{"IdleTimeout", "give it a unit", func(c *passport.Config) { c.IdleTimeout = 7 }},
		{"SilentTimeout", "10ns", func(c *passport.Config) { c.SilentTimeout = 10 }},
		{"RevocationWait", "give it a unit", func(c *passport.Config) { c.RevocationWait = 1 }},
		{"RefreshWait", "give it a unit", func(c *passport.Config) { c.RefreshWait = 30 }},
		{"LoginPath", "path of this site", func(c *passport.Config) { c.LoginPath = "//evil.example.com" }},
		{"LogoutPath", "path of this site", func(c *passport.Config) { c.LogoutPath = "logout" }},
		{"CookieName", "letters", func(c *passport.Config) { c.CookieName = "my cookie" }},
		{"CookieName", "__Host-", func(c *passport.Config) { c.CookieName = "__Host-passport" }},
	} {
		c := least()
		row.edit(&c)
		_, err := passport.New(c)
		require.Error(t, err, row.field)
		assert.Contains(t, err.Error(), "passport: Config."+row.field+" ")
		assert.Contains(t, err.Error(), row.says, row.field)
		assert.NotContains(t, err.Error(), "\n", "%s: one problem, one line", row.field)
	}
}

// elsewhere is a store that is not known to stay in this process.
type elsewhere struct{ storage.TokenStore }

func TestNewReportsAllProblemsAtOnce(t *testing.T) {
	_, err := passport.New(passport.Config{LogoutMode: "popup", AuthDomain: "ftp://x"})
	require.Error(t, err)
	for _, field := range []string{"ClientID", "RedirectURI", "LogoutMode", "AuthDomain"} {
		assert.Contains(t, err.Error(), "Config."+field)
	}
}

func TestNewNormalisesTheAuthDomainForAllEndpointsAlike(t *testing.T) {
	for _, domain := range []string{"auth.example.com", "auth.example.com/", "https://auth.example.com", "https://AUTH.example.com/"} {
		c := least()
		c.AuthDomain = domain
		p := newPassport(t, c)
		assert.True(t, strings.HasPrefix(p.LogoutURL(), "https://auth.example.com/v2/logout?"), p.LogoutURL())
		address, _, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(address, "https://auth.example.com/authorize?"), address)
	}
}

func TestNewCopiesWhatItIsGiven(t *testing.T) {
	client := &http.Client{}
	c := least()
	c.Scopes = []string{"openid", "email"}
	c.EncryptionKeys = [][]byte{[]byte("a key of exactly thirty-two byte")}
	c.HTTPClient = client
	store := memory.New(memory.Options{})
	c.Store = store
	p := newPassport(t, c)
	address, b, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)

	c.Scopes[1] = "changed"
	_, _ = rand.Read(c.EncryptionKeys[0])
	again, _, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	assert.NotContains(t, again, "changed")
	assert.Nil(t, client.CheckRedirect, "the caller's HTTPClient is as it was")
	assert.Nil(t, client.Transport)

	// A login that was sealed before the caller overwrote the key still opens.
	u, err := url.Parse(address)
	require.NoError(t, err)
	_, _, err = p.FinishLogin(t.Context(), b, url.Values{"state": u.Query()["state"], "error": {"access_denied"}})
	var refused *passport.ProviderError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "access_denied", refused.Code)
}

func TestNothingThatIsPrintedShowsASecret(t *testing.T) {
	key := []byte("a key of exactly thirty-two byte")
	c := least()
	c.ClientSecret = "client secret"
	c.EncryptionKeys = [][]byte{key}
	p := newPassport(t, c)
	_, b, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)

	hidden := []string{"client secret", string(key), fmt.Sprint(key), b.Logins[0].Reveal()}
	for _, v := range []any{c, &c, p, b, &b, b.Logins, struct{ S passport.Secret }{b.Logins[0]}, []passport.Secret{b.Logins[0]}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, secret := range hidden {
				assert.NotContains(t, fmt.Sprintf(verb, v), secret, "%s of %T", verb, v)
			}
		}
	}
}

func TestCloseIsQuickWhenThereIsNothingToDo(t *testing.T) {
	p, err := passport.New(least())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	assert.NoError(t, p.Close(ctx))
	assert.NoError(t, p.Close(ctx), "twice does no harm")
	assert.NoError(t, ctx.Err())
}

// A key that was not drawn at random is refused as far as that can be seen, and
// without being shown.
func TestKeysThatAreNotRandomAreRefused(t *testing.T) {
	good, other := []byte("a key of exactly thirty-two byte"), []byte("another key of thirty-two bytes!")
	for name, row := range map[string]struct {
		keys [][]byte
		says string
	}{
		"zeros":        {[][]byte{make([]byte, 32)}, "key 1 is one byte"},
		"one byte":     {[][]byte{good, bytes.Repeat([]byte{7}, 32)}, "key 2 is one byte"},
		"a word":       {[][]byte{bytes.Repeat([]byte("changeme"), 4)}, "repeated"},
		"two halves":   {[][]byte{bytes.Repeat([]byte("sixteen bytes xx"), 2)}, "repeated"},
		"an odd word":  {[][]byte{bytes.Repeat([]byte("secret"), 6)[:32]}, "repeated"},
		"twice":        {[][]byte{good, other, good}, "key 3 is there twice"},
		"short":        {[][]byte{good[:31]}, "key 1 is 31 bytes long"},
		"none":         {[][]byte{{}}, "key 1 is 0 bytes long"},
		"two problems": {[][]byte{make([]byte, 32), make([]byte, 16)}, "key 2 is 16 bytes long"},
	} {
		c := least()
		c.EncryptionKeys = row.keys
		_, err := passport.New(c)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), row.says, name)
		assert.Contains(t, err.Error(), "openssl rand -base64 32", name)
		for _, secret := range []string{"changeme", "secret", "sixteen bytes", "a key of exactly"} {
			assert.NotContains(t, err.Error(), secret, name)
		}
	}
	c := least()
	c.EncryptionKeys = [][]byte{good, other}
	newPassport(t, c)
}

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
		"Config.PushedRequests does nothing":       func(c *passport.Config) { c.PushedRequests = true },
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
