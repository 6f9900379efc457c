package provider

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/jwt"
)

// fuzzed is a client whose provider is never called.
func fuzzed() *Client {
	endpoints := authdomain.At("https://auth.example.com")
	return New(Config{
		Issuer: "https://auth.example.com/", ClientID: "app", Endpoints: &endpoints, HTTPClient: &http.Client{},
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Leeway: time.Minute,
		Run:   func(f func(context.Context)) { f(context.Background()) },
		Start: func(func(context.Context)) bool { return false },
	})
}

// told is an error that may be shown.
func told(t *testing.T, err error) {
	t.Helper()
	assert.Less(t, len(err.Error()), 2000)
	assert.False(t, strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }), "%q", err)
}

func FuzzTokenResponse(f *testing.F) {
	f.Add("application/json", []byte(`{"access_token":"a","id_token":"i","expires_in":3600,"token_type":"Bearer"}`))
	f.Add("text/plain", []byte(`access_token=a&expires_in=5`))
	f.Add("", []byte(`{"access_token":"a","expires_in":1e300,"token_type":"x"}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		c := fuzzed()
		res := response{http.StatusOK, http.Header{"Content-Type": {kind}}, body}
		told(t, res.err())
		o, err := res.object()
		if err != nil {
			told(t, err)
			return
		}
		tokens, err := c.tokensFrom(res, o)
		if err != nil {
			told(t, err)
			return
		}
		assert.Equal(t, "Bearer", tokens.TokenType)
		assert.NotEmpty(t, tokens.AccessToken+tokens.IDToken)
		if tokens.AccessToken != "" {
			assert.Positive(t, tokens.Expiry.Unix())
			assert.Less(t, tokens.Expiry.Unix(), int64(1e12))
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},null]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","x5c":[""]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err != nil {
			told(t, err)
			return
		}
		assert.LessOrEqual(t, len(keys), maxKeys)
		for _, key := range keys {
			assert.True(t, key.IsPublic())
			assert.NotEqual(t, "enc", key.Use)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"authorization_endpoint":"https://a/b","token_endpoint":"https://a/t","jwks_uri":"https://a/k","scopes_supported":["email"]}`))
	f.Add([]byte(`{"authorization_endpoint":"http://a/b","token_endpoint":1,"mtls_endpoint_aliases":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := jwt.ParseObject(body)
		if err != nil {
			return
		}
		m, err := fuzzed().newMetadata(o)
		if err != nil {
			told(t, err)
			return
		}
		for _, address := range []string{m.Endpoints.Authorize, m.Endpoints.Token, m.Endpoints.Keys, m.Endpoints.Revoke, m.Endpoints.UserInfo} {
			if address != "" {
				u, err := url.Parse(address)
				require.NoError(t, err)
				assert.True(t, u.Scheme == "https" || authdomain.Loopback(u.Hostname()), address)
			}
		}
		assert.Contains(t, m.scopes, "openid")
	})
}

func FuzzIDTokenClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"https://auth.example.com/","aud":"app","sub":"alice","exp":1800000100}`))
	f.Add([]byte(`{"iss":"https://auth.example.com/","aud":["app","b"],"azp":"app","sub":"\u2028","exp":1e10,"sid":1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		claims, err := jwt.ParseObject(payload)
		if err != nil {
			return
		}
		c := fuzzed()
		id, err := c.checkIDToken(claims)
		if err != nil {
			told(t, err)
			return
		}
		assert.JSONEq(t, `"https://auth.example.com/"`, string(claims["iss"]))
		for _, name := range []string{id.Subject, id.SID} {
			assert.LessOrEqual(t, len([]rune(name)), 255)
			assert.False(t, strings.ContainsFunc(name, unicode.IsControl))
		}
		assert.NotEmpty(t, id.Subject)
		_ = id.checkNonce("n")
		_ = id.checkAccessToken("a")
	})
}

func FuzzLogoutTokenClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"https://auth.example.com/","aud":"app","sub":"a","jti":"j","iat":1800000000,"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		claims, err := jwt.ParseObject(payload)
		if err != nil {
			return
		}
		c := fuzzed()
		token, err := c.checkLogoutClaims(claims)
		if err != nil {
			told(t, err)
			return
		}
		assert.NotEmpty(t, token.ID)
		assert.NotEmpty(t, token.Subject+token.SID)
		assert.False(t, claims.Has("nonce"))
		assert.LessOrEqual(t, token.IssuedAt.Sub(c.c.Now()).Abs(), LogoutTokenWindow)
	})
}

func FuzzDeviceResponse(f *testing.F) {
	f.Add([]byte(`{"device_code":"d","user_code":"ABCD","verification_uri":"https://a/b","expires_in":5,"interval":"7"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		begun := time.Unix(1_800_000_000, 0)
		d, err := fuzzed().deviceFrom(response{http.StatusOK, http.Header{}, body}, begun, 10*time.Minute)
		if err != nil {
			told(t, err)
			return
		}
		assert.False(t, strings.ContainsFunc(d.UserCode, unicode.IsControl))
		assert.True(t, strings.HasPrefix(d.VerificationURI, "http"))
		assert.GreaterOrEqual(t, d.interval, time.Second)
		assert.LessOrEqual(t, d.interval, maxInterval)
		assert.LessOrEqual(t, d.Expiry.Sub(begun), 10*time.Minute)
	})
}

func FuzzCallback(f *testing.F) {
	f.Add("code=c&state=s")
	f.Add("error=access_denied&error_description=%00&iss=x")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		code, err := fuzzed().CodeOf(t.Context(), values)
		if err != nil {
			told(t, err)
			return
		}
		assert.NotEmpty(t, code)
		assert.Empty(t, values.Get("error"))
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:00 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		assert.GreaterOrEqual(t, retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}), time.Duration(0))
	})
}
