package provider_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/provider"
)

const clientID = "app"

// op is a provider that answers as a test wants it to.
type op struct {
	t   *testing.T
	url string
	key *ecdsa.PrivateKey

	mu       sync.Mutex
	pages    map[string]http.HandlerFunc
	requests []request
	metadata map[string]any
	ahead    time.Duration // of the client's clock
}

type request struct {
	path   string
	header http.Header
	form   url.Values
}

var testKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func newOP(t *testing.T) *op {
	t.Helper()
	o := &op{t: t, key: testKey(), pages: map[string]http.HandlerFunc{}}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.url = server.URL
	o.metadata = map[string]any{
		"issuer":                 o.url,
		"authorization_endpoint": o.url + "/authorize",
		"token_endpoint":         o.url + "/token",
		"jwks_uri":               o.url + "/keys",
		"revocation_endpoint":    o.url + "/revoke",
		"userinfo_endpoint":      o.url + "/userinfo",
	}
	o.serve("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o.metadata) })
	o.serve("/keys", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"keys": []any{o.jwk()}}) })
	o.serve("/token", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o.tokenResponse(nil)) })
	return o
}

func (o *op) serve(path string, h http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pages[path] = h
}

// answer makes a path answer with a body.
func (o *op) answer(path, kind, body string, status int) {
	o.serve(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (o *op) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	o.mu.Lock()
	o.requests = append(o.requests, request{r.URL.Path, r.Header.Clone(), r.Form})
	page := o.pages[r.URL.Path]
	o.mu.Unlock()
	if page == nil {
		http.NotFound(w, r)
		return
	}
	page(w, r)
}

func (o *op) count(path string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.requests {
		if r.path == path {
			n++
		}
	}
	return n
}

func (o *op) last(path string) request {
	o.mu.Lock()
	defer o.mu.Unlock()
	var last request
	for _, r := range o.requests {
		if r.path == path {
			last = r
		}
	}
	return last
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (o *op) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: o.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}
}

// sign signs a payload as it stands.
func (o *op) sign(payload string, header map[string]any) string {
	o.t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: o.key, KeyID: "k"}}, options)
	require.NoError(o.t, err)
	signed, err := signer.Sign([]byte(payload))
	require.NoError(o.t, err)
	raw, err := signed.CompactSerialize()
	require.NoError(o.t, err)
	return raw
}

func (o *op) signClaims(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	require.NoError(o.t, err)
	return o.sign(string(payload), nil)
}

// idClaims are those of a good ID token, with changes; nil takes a claim away.
func (o *op) idClaims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": o.url, "sub": "alice", "aud": clientID, "nonce": "nonce", "sid": "s1", "email": "alice@example.com",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	return changed(claims, changes)
}

func (o *op) logoutClaims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": o.url, "sub": "alice", "aud": clientID, "jti": "j", "iat": time.Now().Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	return changed(claims, changes)
}

func (o *op) tokenResponse(changes map[string]any) map[string]any {
	return changed(map[string]any{
		"access_token": "access", "refresh_token": "refresh", "token_type": "Bearer", "expires_in": 600,
		"id_token": o.signClaims(o.idClaims(nil)),
	}, changes)
}

func changed(m, changes map[string]any) map[string]any {
	m = maps.Clone(m)
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	return m
}

// client returns a client of the provider.
func (o *op) client(edit ...func(*provider.Config)) *provider.Client {
	c := provider.Config{
		Issuer: o.url, ClientID: clientID, HTTPClient: &http.Client{Timeout: 10 * time.Second},
		Leeway: time.Minute,
		Now:    func() time.Time { return time.Now().Add(o.ahead) },
		Run:    func(f func(context.Context)) { f(context.Background()) },
		Start:  func(f func(context.Context)) bool { f(context.Background()); return true },
	}
	for _, f := range edit {
		f(&c)
	}
	return provider.New(c)
}

var grant = provider.CodeGrant{Code: "the-code", RedirectURI: "http://localhost/redirect", Verifier: "the-verifier", Nonce: "nonce"}

// login answers the token request with tokens and signs in.
func (o *op) login(tokens map[string]any, edit ...func(*provider.Config)) (provider.Tokens, *provider.IDToken, error) {
	o.t.Helper()
	o.serve("/token", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, tokens) })
	return o.client(edit...).Exchange(o.t.Context(), grant)
}

// withID is a login whose ID token is raw.
func (o *op) withID(raw string) (provider.Tokens, *provider.IDToken, error) {
	o.t.Helper()
	return o.login(o.tokenResponse(map[string]any{"id_token": raw}))
}
