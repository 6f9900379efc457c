package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/provider"
)

func TestAnIDTokenIsCheckedByTheExactNamesOfItsClaims(t *testing.T) {
	o := newOP(t)
	good, err := json.Marshal(o.idClaims(nil))
	require.NoError(t, err)
	for _, extra := range []string{
		`"SUB":"mallory"`, `"ſub":"mallory"`, `"Sub":["mallory"]`, `"NONCE":"other"`, `"EXP":1`, `"AUD":"other"`,
		`"ISS":"https://evil.example.com"`, `"SID":"other"`, `"ſid":"other"`, `"Events":{}`, `"AT_HASH":"x"`, `"AZP":"other"`,
	} {
		for _, payload := range []string{
			"{" + extra + "," + string(good[1:]),
			string(good[:len(good)-1]) + "," + extra + "}",
		} {
			_, id, err := o.withID(o.sign(payload, nil))
			if assert.NoError(t, err, extra) {
				assert.Equal(t, "alice", id.Subject, extra)
				assert.Equal(t, "s1", id.SID, extra)
			}
		}
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nonce"} {
		claims := o.idClaims(nil)
		claims[strings.ToUpper(name)] = claims[name]
		delete(claims, name)
		_, _, err := o.withID(o.signClaims(claims))
		assert.Error(t, err, "%s in capitals is another claim", name)

		_, _, err = o.withID(o.sign(string(good[:len(good)-1])+`,"`+name+`":"twice"}`, nil))
		assert.ErrorContains(t, err, "distinct names", name)
	}
}

func TestAnIDTokenThatBreaksARuleSignsNobodyIn(t *testing.T) {
	o := newOP(t)
	long := strings.Repeat("a", 256)
	for name, changes := range map[string]map[string]any{
		"another issuer":           {"iss": o.url + "/"},
		"no issuer":                {"iss": nil},
		"another client":           {"aud": "other"},
		"others":                   {"aud": []string{"x", "y"}},
		"an aud of mixed types":    {"aud": []any{clientID, 1}},
		"no aud":                   {"aud": nil},
		"another azp":              {"azp": "other"},
		"an azp that is no string": {"azp": 17},
		"many aud without azp":     {"aud": []string{clientID, "other"}},
		"many aud, another azp":    {"aud": []string{clientID, "other"}, "azp": "other"},
		"expired":                  {"exp": time.Now().Add(-2 * time.Minute).Unix()},
		"no exp":                   {"exp": nil},
		"an exp that is no number": {"exp": "9999999999"},
		"exp 0":                    {"exp": 0},
		"not yet":                  {"nbf": time.Now().Add(time.Hour).Unix()},
		"no sub":                   {"sub": nil},
		"a sub that is no string":  {"sub": 17},
		"an empty sub":             {"sub": ""},
		"a sub that is too long":   {"sub": long},
		"a huge sub":               {"sub": strings.Repeat("a", 100_000)},
		"control characters":       {"sub": "alice\r\nadmin"},
		"an escape sequence":       {"sub": "alice\x1b[2J"},
		"a line separator":         {"sub": "alice\u2028admin"},
		"a logout token":           {"events": map[string]any{}},
		"another nonce":            {"nonce": "other"},
		"no nonce":                 {"nonce": nil},
		"another at_hash":          {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
	} {
		_, id, err := o.withID(o.signClaims(o.idClaims(changes)))
		assert.Error(t, err, name)
		assert.Nil(t, id, name)
		if err != nil {
			assert.Less(t, len(err.Error()), 500, name)
		}
	}
	for name, header := range map[string]map[string]any{
		"crit": {"crit": []string{"exp"}, "exp": 1}, "an empty crit": {"crit": []string{}}, "b64": {"b64": true, "crit": []string{"b64"}},
		"an access token": {"typ": "at+jwt"}, "a logout token": {"typ": "logout+jwt"}, "its long form": {"typ": "application/AT+JWT"},
	} {
		_, _, err := o.withID(o.sign(string(mustJSON(t, o.idClaims(nil))), header))
		assert.Error(t, err, name)
	}
	_, _, err := o.withID(o.signClaims(o.idClaims(nil)) + "x")
	assert.Error(t, err, "a signature that is cut or longer")
}

func TestAnIDTokenMayBeAsProvidersMakeThem(t *testing.T) {
	o := newOP(t)
	sum := sha256.Sum256([]byte("access"))
	hash := base64.RawURLEncoding.EncodeToString(sum[:16])
	for name, changes := range map[string]map[string]any{
		"aud in an array":           {"aud": []string{clientID}},
		"the same aud twice":        {"aud": []string{clientID, clientID}},
		"many aud with azp":         {"aud": []string{"other", clientID}, "azp": clientID},
		"an azp":                    {"azp": clientID},
		"a floating exp":            {"exp": float64(time.Now().Unix()) + 3600.5},
		"a long sub":                {"sub": strings.Repeat("a", 255)},
		"letters beyond ASCII":      {"sub": "josé ü 名前"},
		"a sub with signs":          {"sub": "auth0|google-oauth2|<b>&\"'/"},
		"a sid that is no string":   {"sid": 17},
		"a sid with line ends":      {"sid": "a\nb"},
		"an iat that is no number":  {"iat": "today"},
		"an auth_time of 0":         {"auth_time": 0},
		"an auth_time in letters":   {"auth_time": "noon"},
		"an email that is an array": {"email": []string{"a@example.com"}},
		"an nbf that is no number":  {"nbf": "now"},
		"odd _claim_names":          {"_claim_names": "none"},
		"an acr that is a number":   {"acr": 1},
		"an at_hash":                {"at_hash": hash},
		"an at_hash with padding":   {"at_hash": hash + "=="},
		"an at_hash of its own":     {"at_hash": 17},
		"expired within the leeway": {"exp": time.Now().Add(-30 * time.Second).Unix()},
		"not yet, within it":        {"nbf": time.Now().Add(30 * time.Second).Unix()},
	} {
		_, id, err := o.withID(o.signClaims(o.idClaims(changes)))
		if assert.NoError(t, err, name) {
			assert.NotEmpty(t, id.Subject, name)
			assert.True(t, id.AuthTime.IsZero(), name)
		}
	}
	_, id, err := o.withID(o.signClaims(o.idClaims(map[string]any{"sid": 17, "auth_time": 1_700_000_000})))
	require.NoError(t, err)
	assert.Empty(t, id.SID)
	assert.Equal(t, int64(1_700_000_000), id.AuthTime.Unix())
}

// TestAWrongClockIsNamed: the usual cause of "expired" and "not yet".
func TestAWrongClockIsNamed(t *testing.T) {
	for want, ahead := range map[string]time.Duration{
		"this machine's clock is 3h0m": 3 * time.Hour, "behind the provider's": -3 * time.Hour,
	} {
		o := newOP(t)
		o.ahead = ahead
		_, _, err := o.withID(o.signClaims(o.idClaims(map[string]any{"nbf": time.Now().Unix()})))
		assert.ErrorContains(t, err, want)
	}
	o := newOP(t)
	_, _, err := o.withID(o.signClaims(o.idClaims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})))
	assert.ErrorContains(t, err, "expired 1h")
	assert.NotContains(t, err.Error(), "clock", "when it is right")
}

// TestATenantsIssuerStandsForItsTemplate: as Microsoft Entra documents it.
func TestATenantsIssuerStandsForItsTemplate(t *testing.T) {
	o := newOP(t)
	o.metadata["issuer"] = "https://login.example.com/{tenantid}/v2.0"
	entra := func(c *provider.Config) {
		c.Issuer, c.DiscoveryURL = "https://login.example.com/{tenantid}/v2.0", o.url+"/.well-known/openid-configuration"
	}
	for iss, tid := range map[string]any{
		"https://login.example.com/0a1b-2c/v2.0":    "0a1b-2c",
		"https://login.example.com/{tenantid}/v2.0": nil,
		"https://login.example.com/other/v2.0":      "0a1b-2c",
		"https://login.example.com/a/b/v2.0":        "a/b",
		"https://login.example.com//v2.0":           "",
		"https://login.example.com/17/v2.0":         17,
	} {
		claims := o.idClaims(map[string]any{"iss": iss, "tid": tid})
		_, _, err := o.login(o.tokenResponse(map[string]any{"id_token": o.signClaims(claims)}), entra)
		assert.Equal(t, tid == "0a1b-2c" && !strings.Contains(iss, "other"), err == nil, "%s: %v", iss, err)
	}
	c := o.client(entra)
	for iss, accepted := range map[string]bool{
		"https://login.example.com/0a1b-2c/v2.0": true, "https://login.example.com/a/b/v2.0": false,
		"https://evil.example.com/0a1b-2c/v2.0": false, "https://login.example.com/0a1b-2c/v2.0/": false,
	} {
		_, err := c.CodeOf(t.Context(), map[string][]string{"code": {"c"}, "iss": {iss}})
		assert.Equal(t, accepted, err == nil, iss)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func TestALogoutTokenIsCheckedByTheExactNamesOfItsClaims(t *testing.T) {
	o := newOP(t)
	c := o.client()
	good := mustJSON(t, o.logoutClaims(nil))
	for _, extra := range []string{
		`"SUB":"bob"`, `"ſub":"bob"`, `"NONCE":"n"`, `"Exp":1`, `"ISS":"x"`, `"JTI":["x"]`,
	} {
		token, err := c.VerifyLogoutToken(t.Context(), o.sign(string(good[:len(good)-1])+","+extra+"}", nil))
		if assert.NoError(t, err, extra) {
			assert.Equal(t, "alice", token.Subject)
		}
	}
	for _, extra := range []string{`"sub":"alice"`, `"jti":"k"`, `"nonce":null`, `"exp":1`, `"exp":"later"`} {
		_, err := c.VerifyLogoutToken(t.Context(), o.sign(string(good[:len(good)-1])+","+extra+"}", nil))
		assert.Error(t, err, extra)
	}
}

func TestALogoutTokenThatBreaksARuleIsRefused(t *testing.T) {
	o := newOP(t)
	c := o.client()
	for name, changes := range map[string]map[string]any{
		"a huge sub": {"sub": strings.Repeat("a", 10_000)}, "control characters": {"sub": "alice\n"},
		"a long sid": {"sid": strings.Repeat("s", 256)}, "a sub that is no string": {"sub": 1},
		"nobody": {"sub": nil}, "no jti": {"jti": nil}, "an empty jti": {"jti": ""}, "a jti that is no string": {"jti": 1},
		"another client": {"aud": "other"}, "another issuer": {"iss": "x"}, "a nonce": {"nonce": "n"},
		"no iat": {"iat": nil}, "old": {"iat": time.Now().Add(-time.Hour).Unix()},
		"an iat in letters": {"iat": "now"}, "no events": {"events": nil}, "other events": {"events": map[string]any{"x": 1}},
		"an event of a string": {"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": "yes"}},
		"a long life":          {"exp": time.Now().Add(48 * time.Hour).Unix()},
	} {
		_, err := c.VerifyLogoutToken(t.Context(), o.signClaims(o.logoutClaims(changes)))
		assert.Error(t, err, name)
	}
	for name, header := range map[string]map[string]any{
		"crit": {"crit": []string{"x"}, "x": 1}, "an empty crit": {"crit": []string{}}, "b64": {"b64": false, "crit": []string{"b64"}},
		"b64 alone": {"b64": false}, "an access token": {"typ": "at+jwt"},
	} {
		_, err := c.VerifyLogoutToken(t.Context(), o.sign(string(mustJSON(t, o.logoutClaims(nil))), header))
		assert.Error(t, err, name)
	}
	_, err := c.VerifyLogoutToken(t.Context(), o.signClaims(o.logoutClaims(nil)))
	assert.NoError(t, err)
}

func TestStrangersTokensFetchTheKeysOnlySoOften(t *testing.T) {
	o := newOP(t)
	c := o.client()
	_, _, err := c.Exchange(t.Context(), grant)
	require.NoError(t, err)
	before := o.count("/keys")
	good := o.signClaims(o.logoutClaims(nil))
	forged := good[:len(good)-10] + "AAAAAAAAAA"
	for range 50 {
		_, err := c.VerifyLogoutToken(t.Context(), forged)
		require.Error(t, err)
	}
	assert.LessOrEqual(t, o.count("/keys")-before, 4)
	_, err = c.VerifyLogoutToken(t.Context(), good)
	assert.NoError(t, err, "known keys do")
}

func TestKeysThatCannotBeUsedBreakNoLogin(t *testing.T) {
	o := newOP(t)
	odd := []string{
		`null`, `17`, `"key"`, `[]`, `{}`, `{"kty":"EC","crv":"P-999","x":"AA","y":"AA"}`, `{"kty":"OKP","crv":"Ed448","x":"AA"}`,
		`{"kty":"XYZ"}`, `{"kty":17}`, `{"kty":"RSA","n":"!!","e":"AQAB"}`, `{"kty":"oct","k":"c2VjcmV0"}`, `{"kty":"EC","kid":17}`,
		`{"kty":"RSA"}`, `{"kty":"EC","crv":"secp256k1","alg":"ES256K","x":"AA","y":"AA"}`, `{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`,
		`{"kty":"EC","kty":"EC"}`, `{"alg":{}}`,
	}
	own := o.jwk()
	good := string(mustJSON(t, own))
	for _, x := range []string{`"x5c":[]`, `"x5c":[""]`, `"x5c":null`, `"x5c":["bm90IGEgY2VydA=="]`, `"x5t":17`, `"x5u":"::"`, `"use":null`, `"ext":true`} {
		body := `{"keys":[` + strings.Join(odd, ",") + `,{` + x + `,` + strings.Replace(good[1:], `"use":"sig",`, "", 1) + `],"other":1}`
		o.answer("/keys", "text/plain", body, http.StatusOK)
		_, _, err := o.withID(o.signClaims(o.idClaims(nil)))
		assert.NoError(t, err, x)
	}
	for _, body := range []string{`{"keys":[` + odd[0] + `]}`, `{"keys":[]}`, `{"keys":null}`, `{"KEYS":[` + good + `]}`, `[]`, `{"keys":{}}`} {
		o.answer("/keys", "application/json", body, http.StatusOK)
		_, _, err := o.withID(o.signClaims(o.idClaims(nil)))
		assert.ErrorContains(t, err, "signing keys could not be used", body)
	}
}

// TestANewKeyIsFetchedAndAnOldOneForgotten: keys are fetched for a token that is
// by none of them, and again each hour.
func TestANewKeyIsFetchedAndAnOldOneForgotten(t *testing.T) {
	o := newOP(t)
	c := o.client()
	_, _, err := c.Exchange(t.Context(), grant)
	require.NoError(t, err)
	_, _, err = c.Exchange(t.Context(), grant)
	require.NoError(t, err)
	assert.Equal(t, 1, o.count("/keys"))

	fresh := o.signClaims(o.idClaims(map[string]any{"exp": time.Now().Add(5 * time.Hour).Unix()}))
	o.answer("/keys", "text/html", "down", http.StatusBadGateway)
	o.ahead = 2 * time.Hour
	_, err = c.VerifyIDToken(t.Context(), fresh)
	assert.NoError(t, err, "the old keys are in use until newer ones are there")
	_, err = c.VerifyIDToken(t.Context(), fresh)
	assert.NoError(t, err)
	assert.Equal(t, 2, o.count("/keys"), "a provider that is down is not asked each time")

	o.answer("/keys", "application/json", `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`, http.StatusOK)
	o.ahead = 4 * time.Hour
	_, err = c.VerifyIDToken(t.Context(), fresh)
	assert.ErrorContains(t, err, "not by a key of the provider", "a key that was withdrawn")
}
