package provider_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/provider"
)

// life is how long the access token of a response lives, to the minute.
func life(t *testing.T, tokens provider.Tokens) time.Duration {
	t.Helper()
	return time.Until(tokens.Expiry).Round(time.Minute)
}

func TestExpiresInMayBeAnythingOrMissing(t *testing.T) {
	o := newOP(t)
	access := o.signClaims(map[string]any{"exp": time.Now().Add(20 * time.Minute).Unix()})
	for _, c := range []struct {
		expiresIn  string // JSON
		ofOpaque   time.Duration
		ofReadable time.Duration // an access token with an exp of its own
	}{
		{`600`, 10 * time.Minute, 10 * time.Minute},
		{`"600"`, 10 * time.Minute, 10 * time.Minute},
		{`600.9`, 10 * time.Minute, 10 * time.Minute},
		{`"600.5"`, 10 * time.Minute, 10 * time.Minute},
		{`6e2`, 10 * time.Minute, 10 * time.Minute},
		{`0`, time.Hour, 20 * time.Minute},
		{`-1`, time.Hour, 20 * time.Minute},
		{`null`, time.Hour, 20 * time.Minute},
		{`""`, time.Hour, 20 * time.Minute},
		{`"soon"`, time.Hour, 20 * time.Minute},
		{`{}`, time.Hour, 20 * time.Minute},
		{`true`, time.Hour, 20 * time.Minute},
		{`1e300`, 87600 * time.Hour, 87600 * time.Hour},
		{`99999999999999999999`, 87600 * time.Hour, 87600 * time.Hour},
	} {
		for token, want := range map[string]time.Duration{"opaque": c.ofOpaque, access: c.ofReadable} {
			tokens, _, err := o.login(o.tokenResponse(map[string]any{"expires_in": json.RawMessage(c.expiresIn), "access_token": token}))
			if assert.NoError(t, err, c.expiresIn) {
				assert.Equal(t, want, life(t, tokens), "%s of %.20s", c.expiresIn, token)
			}
		}
	}
	tokens, _, err := o.login(o.tokenResponse(map[string]any{"expires_in": nil}))
	require.NoError(t, err)
	assert.Equal(t, provider.DefaultTokenLife, life(t, tokens), "missing")
}

func TestAScopeMayBeATextAListOrNoneOfThese(t *testing.T) {
	o := newOP(t)
	for scope, want := range map[string]string{`"openid email"`: "openid email", `["openid","email"]`: "openid email", `[]`: "", `17`: "", `["openid",17]`: "", `null`: "", `{}`: ""} {
		tokens, _, err := o.login(o.tokenResponse(map[string]any{"scope": json.RawMessage(scope)}))
		require.NoError(t, err, scope)
		assert.Equal(t, want, tokens.Scope, scope)
	}
}

func TestARefreshWhoseIDTokenIsNoTextKeepsTheLogins(t *testing.T) {
	o := newOP(t)
	login, id, err := o.login(o.tokenResponse(nil))
	require.NoError(t, err)
	for _, odd := range []string{`17`, `null`, `true`, `{}`, `[]`, `""`} {
		o.answer("/token", "application/json", `{"access_token":"new","refresh_token":"next","id_token":`+odd+`}`, http.StatusOK)
		got, err := o.client().Refresh(t.Context(), id.Subject, login)
		require.NoError(t, err, odd)
		assert.Equal(t, login.IDToken, got.IDToken, odd)
		assert.Equal(t, "next", got.RefreshToken, odd)
	}
}

func TestATokenResponseNeedsNoMoreThanAnIDToken(t *testing.T) {
	o := newOP(t)
	for name, changes := range map[string]map[string]any{
		"no refresh token":         {"refresh_token": nil},
		"a null one":               {"refresh_token": json.RawMessage("null")},
		"one that is a number":     {"refresh_token": 17},
		"no access token":          {"access_token": nil},
		"no token_type":            {"token_type": nil},
		"a token_type in capitals": {"token_type": "BEARER"},
		"an odd token_type":        {"token_type": json.RawMessage(`["Bearer"]`)},
		"an odd scope":             {"scope": []string{"openid"}},
		"names in capitals beside": {"ACCESS_TOKEN": "other", "ID_TOKEN": "other", "Refresh_Token": "other"},
	} {
		tokens, id, err := o.login(o.tokenResponse(changes))
		if assert.NoError(t, err, name) {
			assert.Equal(t, "alice", id.Subject, name)
			assert.NotEqual(t, "other", tokens.AccessToken+tokens.RefreshToken, name)
			assert.Equal(t, "Bearer", tokens.TokenType, name)
		}
	}
	for _, kind := range []string{"DPoP", "mac", "N_A", strings.Repeat("x", 5000)} {
		tokens, _, err := o.login(o.tokenResponse(map[string]any{"token_type": kind}))
		require.ErrorContains(t, err, "token_type", kind)
		assert.Less(t, len(err.Error()), 300)
		assert.Equal(t, "refresh", tokens.RefreshToken, "to be revoked")
	}
}

func TestATokenResponseIsReadWhateverItsType(t *testing.T) {
	o := newOP(t)
	asJSON := string(mustJSON(t, o.tokenResponse(nil)))
	form := url.Values{}
	for name, value := range o.tokenResponse(nil) {
		form.Set(name, fmt.Sprint(value))
	}
	for _, c := range []struct{ kind, body string }{
		{"text/plain", asJSON}, {"text/html; charset=utf-8", asJSON}, {"", asJSON}, {"application/x-www-form-urlencoded", asJSON},
		{"application/json", "\xef\xbb\xbf" + asJSON}, {"application/json", "\n " + asJSON + "\n"},
		{"application/x-www-form-urlencoded", form.Encode()}, {"text/plain; charset=utf-8", form.Encode()},
	} {
		o.answer("/token", c.kind, c.body, http.StatusOK)
		tokens, id, err := o.client().Exchange(t.Context(), grant)
		if assert.NoError(t, err, "%s %.20q", c.kind, c.body) {
			assert.Equal(t, "alice", id.Subject)
			assert.Equal(t, "access", tokens.AccessToken)
			assert.Equal(t, 10*time.Minute, life(t, tokens))
		}
	}
	for _, c := range []struct{ kind, body string }{
		{"text/html", form.Encode()}, {"text/plain", "error"}, {"application/x-www-form-urlencoded", form.Encode() + "&access_token=x"},
	} {
		o.answer("/token", c.kind, c.body, http.StatusOK)
		_, _, err := o.client().Exchange(t.Context(), grant)
		assert.ErrorContains(t, err, "status 200", c.kind)
	}
}

func TestAnErrorIsOneWhateverItsStatus(t *testing.T) {
	o := newOP(t)
	for status, body := range map[int]string{
		200: `{"error":"invalid_grant"}`, 400: `{"error":"invalid_grant","error_description":17}`, 401: `{"error":"invalid_grant"}`, 500: `{"error":"invalid_grant"}`,
	} {
		o.answer("/token", "text/plain", body, status)
		_, err := o.client().Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: "r"})
		assert.True(t, provider.InvalidGrant(err), "%d: %v", status, err)
	}
	o.answer("/token", "application/json", `{"ERROR":"invalid_grant"}`, 403)
	_, err := o.client().Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: "r"})
	assert.False(t, provider.InvalidGrant(err))
}

func TestARefreshedIDTokenThatSaysLessDoesNotReplaceTheLogins(t *testing.T) {
	o := newOP(t)
	login := o.idClaims(map[string]any{"at_hash": "x", "auth_time": 17})
	old := provider.Tokens{IDToken: o.signClaims(login), RefreshToken: "r", Scope: "openid", UserInfo: "{}"}
	for name, c := range map[string]struct {
		changes map[string]any
		kept    bool
	}{
		"no email":                      {map[string]any{"email": nil}, true},
		"a null email":                  {map[string]any{"email": json.RawMessage("null")}, true},
		"no sid":                        {map[string]any{"sid": nil}, true},
		"another sid":                   {map[string]any{"sid": "s2"}, true},
		"expired":                       {map[string]any{"exp": 1}, true},
		"no nonce and no at_hash":       {map[string]any{"nonce": nil, "at_hash": nil}, false},
		"another email and more claims": {map[string]any{"email": "new@example.com", "name": "Alice"}, false},
	} {
		renewed := o.signClaims(changed(login, c.changes))
		o.serve("/token", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, o.tokenResponse(map[string]any{"id_token": renewed, "refresh_token": nil}))
		})
		got, err := o.client().Refresh(t.Context(), "alice", old)
		require.NoError(t, err, name)
		want := renewed
		if c.kept {
			want = old.IDToken
		}
		assert.Equal(t, want, got.IDToken, name)
		assert.Equal(t, "r", got.RefreshToken, name)
		assert.Equal(t, "access", got.AccessToken, name)
		assert.Equal(t, "{}", got.UserInfo, name)
	}
	o.serve("/token", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, o.tokenResponse(map[string]any{"id_token": o.signClaims(changed(login, map[string]any{"sub": "bob"}))}))
	})
	_, err := o.client().Refresh(t.Context(), "alice", old)
	assert.ErrorIs(t, err, provider.ErrOtherSubject)
}

func TestRefreshesBackOffWhileAProviderIsDown(t *testing.T) {
	o := newOP(t)
	c := o.client()
	retryAfter := ""
	down := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	o.serve("/token", down)
	refresh := func(token string) error {
		_, err := c.Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: token})
		return err
	}
	for range 10 {
		require.Error(t, refresh("r"))
	}
	assert.Equal(t, 2, o.count("/token"), "at once again after the first failure, and then not before a second is over")
	var refused *provider.Error
	require.ErrorAs(t, refresh("r"), &refused, "the error of then")
	assert.Equal(t, http.StatusServiceUnavailable, refused.Status)
	o.ahead += time.Second
	require.Error(t, refresh("r"))
	require.Error(t, refresh("r"))
	assert.Equal(t, 3, o.count("/token"))
	require.Error(t, refresh("another"))
	assert.Equal(t, 4, o.count("/token"), "one user's failure is not another's")

	retryAfter = "600"
	o.ahead += 2 * time.Second
	require.Error(t, refresh("r"))
	assert.Equal(t, 5, o.count("/token"))
	o.ahead += 9 * time.Minute
	require.Error(t, refresh("r"))
	assert.Equal(t, 5, o.count("/token"), "Retry-After")
	o.serve("/token", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o.tokenResponse(nil)) })
	o.ahead += 2 * time.Minute
	assert.NoError(t, refresh("r"))
	assert.NoError(t, c.RefreshDelayed("r"), "a success is a new beginning")
}

// A firewall that takes the program for a bot blocks it for longer if it keeps asking.
// https://github.com/planningcenter/developers/issues/1310
func TestRefreshesBackOffWhateverTheFailure(t *testing.T) {
	for name, answer := range map[string]struct {
		kind, body string
		status     int
	}{
		"a firewall":               {"text/html", "<html>Access denied</html>", http.StatusForbidden},
		"a challenge":              {"text/html", "<html>Are you human?</html>", http.StatusOK},
		"a redirect":               {"text/html", "", http.StatusFound},
		"a client that is refused": {"application/json", `{"error":"invalid_client"}`, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t)
			c := o.client()
			o.answer("/token", answer.kind, answer.body, answer.status)
			for range 10 {
				_, err := c.Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: "r"})
				require.Error(t, err)
				require.False(t, provider.InvalidGrant(err))
			}
			assert.Equal(t, 2, o.count("/token"))
		})
	}
}

// The response to a refresh gets lost, and the token in it. A provider with a reuse
// interval answers the same again, but not for long.
// https://github.com/advplyr/audiobookshelf/issues/5281
func TestARefreshWhoseResponseIsLostIsAskedForAgainAtOnce(t *testing.T) {
	o := newOP(t)
	c := o.client()
	var calls atomic.Int64
	o.serve("/token", func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		assert.Equal(t, []string{"r"}, r.Form["refresh_token"])
		writeJSON(w, o.tokenResponse(map[string]any{"refresh_token": "next"}))
	})
	got, err := c.Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: "r"})
	require.NoError(t, err)
	assert.Equal(t, "next", got.RefreshToken)
	assert.EqualValues(t, 2, calls.Load())

	o.serve("/token", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	before := o.count("/token")
	_, err = c.Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: "r"})
	require.Error(t, err)
	assert.Equal(t, 2, o.count("/token")-before, "and not for a third time")
}

// A server that closes a connection which it takes for idle does not wait for the request
// that is on its way, and net/http does not send a POST again.
func TestACodeWhoseConnectionBreaksIsSentOnceMore(t *testing.T) {
	o := newOP(t)
	c := o.client()
	var calls atomic.Int64
	o.serve("/token", func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		assert.Equal(t, []string{grant.Code}, r.Form["code"])
		writeJSON(w, o.tokenResponse(nil))
	})
	_, id, err := c.Exchange(t.Context(), grant)
	require.NoError(t, err)
	assert.Equal(t, "alice", id.Subject)

	calls.Store(0)
	o.serve("/token", func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 { // after it has used the code up
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"error": "invalid_grant"})
	})
	_, _, err = c.Exchange(t.Context(), grant)
	assert.False(t, provider.InvalidGrant(err), "the provider's word is not the reason: %v", err)
	assert.ErrorAs(t, err, new(*provider.UnreachableError))
	assert.EqualValues(t, 2, calls.Load())

	calls.Store(0)
	o.serve("/token", func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, _, err = c.Exchange(t.Context(), grant)
	assert.ErrorAs(t, err, new(*provider.UnreachableError), "the code may have been used")
}

// What cannot have arrived is not asked for again at once, nor what took too long.
func TestARefreshThatDidNotArriveIsNotAskedForAgainAtOnce(t *testing.T) {
	for name, fail := range map[string]func(*http.Request) error{
		"refused": func(*http.Request) error {
			return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		},
		"too long": func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() },
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			transport := roundTripper(func(r *http.Request) (*http.Response, error) { calls++; return nil, fail(r) })
			c := newOP(t).client(func(c *provider.Config) {
				c.Endpoints = &authdomain.Endpoints{Token: "https://auth.example/token"}
				c.HTTPClient = &http.Client{Transport: transport, Timeout: 20 * time.Millisecond}
			})
			_, err := c.Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: "r"})
			require.Error(t, err)
			assert.Equal(t, 1, calls)
		})
	}
}

func TestADeadRefreshTokenIsNotRemembered(t *testing.T) {
	o := newOP(t)
	c := o.client()
	o.answer("/token", "application/json", `{"error":"invalid_grant"}`, http.StatusBadRequest)
	for range 3 {
		_, err := c.Refresh(t.Context(), "alice", provider.Tokens{RefreshToken: "r"})
		require.True(t, provider.InvalidGrant(err))
	}
	assert.NoError(t, c.RefreshDelayed("r"))
	assert.Equal(t, 3, o.count("/token"))
}

func TestARevocationIsFinalUnsupportedOrToBeTriedAgain(t *testing.T) {
	for _, c := range []struct {
		status      int
		body        string
		secret      string
		unsupported bool
		final       bool
	}{
		{400, `{"error":"unsupported_token_type"}`, "", true, false},
		{400, `{"error":"invalid_request"}`, "", false, true},
		{400, `{"error":"invalid_client"}`, "secret", false, false},
		{401, `{"error":"invalid_client"}`, "secret", false, false},
		{401, `{"error":"invalid_client"}`, "", false, true},
		{404, ``, "", false, true},
		{404, `<html>not found</html>`, "", false, false},
		{400, `<html>bad</html>`, "", false, false},
		{429, `{"error":"slow"}`, "", false, false},
		{503, ``, "", false, false},
		{302, ``, "", false, false},
	} {
		o := newOP(t)
		o.answer("/revoke", "text/plain", c.body, c.status)
		err := o.client(func(p *provider.Config) { p.ClientSecret = c.secret }).Revoke(t.Context(), "token")
		assert.Equal(t, c.unsupported, isUnsupported(err), "%+v", c)
		var refused *provider.RevocationError
		if !c.unsupported && assert.ErrorAs(t, err, &refused, "%+v", c) {
			assert.Equal(t, c.final, refused.Final, "%+v", c)
		}
	}
	o := newOP(t)
	delete(o.metadata, "revocation_endpoint")
	assert.ErrorIs(t, o.client().Revoke(t.Context(), "token"), provider.ErrNoRevocation)
}

// A company's proxy, whose certificates the machine trusts, may answer with a page of its
// own and 200. The provider has not seen the token then.
func TestAPageIsNoRevocation(t *testing.T) {
	for name, c := range map[string]struct {
		kind, body string
		revoked    bool
	}{
		"empty":                  {"", "", true},
		"empty, by a PHP server": {"text/html; charset=utf-8", "", true},
		"JSON":                   {"application/json", "{}", true},
		"text":                   {"text/plain", "OK", true},
		"a page":                 {"text/html; charset=utf-8", "<html>Sign in to the network</html>", false},
		"a page of no type":      {"", "\n<!DOCTYPE html>", false},
	} {
		o := newOP(t)
		o.answer("/revoke", c.kind, c.body, http.StatusOK)
		err := o.client().Revoke(t.Context(), "token")
		assert.Equal(t, c.revoked, err == nil, "%s: %v", name, err)
		var final *provider.RevocationError
		assert.False(t, errors.As(err, &final), "%s: it is tried again", name)
	}
}

func isUnsupported(err error) bool {
	return err != nil && strings.Contains(err.Error(), provider.ErrNoRevocation.Error())
}

func TestTheUserInfoEndpointIsTheSameUsers(t *testing.T) {
	for name, c := range map[string]struct {
		kind, body string
		want       string // empty: refused
	}{
		"claims":        {"application/json", `{"sub":"alice","email":"a@example.com"}`, `"email":"a@example.com"`},
		"another user":  {"application/json", `{"sub":"bob"}`, ""},
		"nobody":        {"application/json", `{"email":"a@example.com"}`, ""},
		"in capitals":   {"application/json", `{"SUB":"alice"}`, ""},
		"twice":         {"application/json", `{"sub":"alice","sub":"alice"}`, ""},
		"an error page": {"text/html", `<html>`, ""},
		"too much":      {"application/json", `{"sub":"alice","x":"` + strings.Repeat("x", 70_000) + `"}`, ""},
	} {
		o := newOP(t)
		o.answer("/userinfo", c.kind, c.body, http.StatusOK)
		tokens, _, err := o.client(func(c *provider.Config) { c.UserInfo = true }).Exchange(t.Context(), grant)
		assert.Equal(t, c.want != "", err == nil, "%s: %v", name, err)
		assert.Equal(t, "Bearer access", o.last("/userinfo").header.Get("Authorization"), name)
		if err == nil {
			assert.Contains(t, tokens.UserInfo, c.want, name)
		} else {
			assert.Equal(t, "refresh", tokens.RefreshToken, "to be revoked")
		}
	}
	o := newOP(t)
	signed := o.signClaims(map[string]any{"iss": o.url, "aud": clientID, "sub": "alice", "email": "a@example.com"})
	o.answer("/userinfo", "application/jwt", signed, http.StatusOK)
	tokens, _, err := o.client(func(c *provider.Config) { c.UserInfo = true }).Exchange(t.Context(), grant)
	require.NoError(t, err)
	assert.Contains(t, tokens.UserInfo, "a@example.com")
	o.answer("/userinfo", "application/jwt", signed[:len(signed)-8]+"AAAAAAAA", http.StatusOK)
	_, _, err = o.client(func(c *provider.Config) { c.UserInfo = true }).Exchange(t.Context(), grant)
	assert.Error(t, err)
}

func TestAClientAuthenticatesAsItIsRegistered(t *testing.T) {
	const secret = "p:ä ss&%"
	basic := url.QueryEscape("app") + ":" + url.QueryEscape(secret)
	for name, c := range map[string]struct {
		auth                provider.ClientAuth
		secret              string
		supported           []string
		wantBasic, wantPost bool
	}{
		"public":                     {},
		"basic by default":           {secret: secret, wantBasic: true},
		"basic where both are":       {secret: secret, supported: []string{"client_secret_post", "client_secret_basic"}, wantBasic: true},
		"post where basic is not":    {secret: secret, supported: []string{"client_secret_post"}, wantPost: true},
		"post by choice":             {auth: provider.AuthPost, secret: secret, supported: []string{"client_secret_basic"}, wantPost: true},
		"basic by choice":            {auth: provider.AuthBasic, secret: secret, supported: []string{"client_secret_post"}, wantBasic: true},
		"by certificate, not secret": {auth: provider.AuthTLS, secret: secret},
	} {
		o := newOP(t)
		if c.supported != nil {
			o.metadata["token_endpoint_auth_methods_supported"] = c.supported
		}
		_, _, err := o.client(func(p *provider.Config) { p.ClientSecret, p.Auth = c.secret, c.auth }).Exchange(t.Context(), grant)
		require.NoError(t, err, name)
		sent := o.last("/token")
		user, password, isBasic := (&http.Request{Header: sent.header}).BasicAuth()
		assert.Equal(t, c.wantBasic, isBasic, name)
		if isBasic {
			assert.Equal(t, basic, user+":"+password, "encoded as RFC 6749 §2.3.1 says")
			assert.Empty(t, sent.form.Get("client_id"), name)
		} else {
			assert.Equal(t, clientID, sent.form.Get("client_id"), name)
		}
		assert.Equal(t, c.wantPost, sent.form.Get("client_secret") == secret, name)
	}
}

func TestAClientWithAKeySignsWhoItIs(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	o := newOP(t)
	seen := map[string]bool{}
	for alg, edit := range map[jose.SignatureAlgorithm]func(*provider.Config){
		jose.ES384: func(c *provider.Config) { c.Key = p384 },
		jose.EdDSA: func(c *provider.Config) { c.Key = ed },
	} {
		c := o.client(edit, func(c *provider.Config) { c.KeyID = "kid" })
		_, _, err := c.Exchange(t.Context(), grant)
		require.NoError(t, err)
		form := o.last("/token").form
		assert.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
		assert.Empty(t, form.Get("client_secret"))
		signed, err := jose.ParseSignedCompact(form.Get("client_assertion"), []jose.SignatureAlgorithm{alg})
		require.NoError(t, err)
		assert.Equal(t, "kid", signed.Signatures[0].Header.KeyID)
		key := any(public)
		if alg == jose.ES384 {
			key = p384.Public()
		}
		payload, err := signed.Verify(key)
		require.NoError(t, err)
		var claims struct {
			Iss, Sub, Aud, Jti string
			Iat, Exp           int64
		}
		require.NoError(t, json.Unmarshal(payload, &claims))
		assert.Equal(t, []string{clientID, clientID, o.url + "/token"}, []string{claims.Iss, claims.Sub, claims.Aud})
		assert.Equal(t, int64(60), claims.Exp-claims.Iat)
		assert.False(t, seen[claims.Jti] || claims.Jti == "", "a jti is used once")
		seen[claims.Jti] = true
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	_, err = provider.KeyAlgorithm(small)
	assert.Error(t, err)
}
