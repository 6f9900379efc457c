package jssdk

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// A page signs in with the JavaScript SDK and calls an API that has two instances. A
// copy of its token is worth nothing on either once the page has signed out.
func TestATokenOfTheJavaScriptSDKDiesWithTheLogout(t *testing.T) {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: "auth.app.localhost", TLS: true})
	t.Cleanup(auth.Close)
	site := serve(t, auth, bundle(t))
	store := memory.New(memory.Options{})
	instances := []string{serveAPI(t, auth, store), serveAPI(t, auth, store)}

	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	signIn(tab, site)
	copied := browsertest.Eval[string](tab, `sdk.getIdToken()`)
	for _, api := range instances {
		assert.Equal(t, http.StatusOK, call(t, http.MethodGet, api+"/inventory", copied))
	}

	// What a page does in the place of sdk.logout() alone.
	assert.Equal(t, http.StatusNoContent, call(t, http.MethodPost, instances[0]+"/signed-out", copied))
	assert.Equal(t, "resolved", browsertest.Eval[string](tab, `sdk.logout().then(() => "resolved", e => e.message)`))
	for _, api := range instances {
		assert.Equal(t, http.StatusUnauthorized, call(t, http.MethodGet, api+"/inventory", copied))
	}
}

// serveAPI starts an instance of an API that only verifies tokens.
func serveAPI(t *testing.T, auth *passporttest.Server, store storage.TokenStore) string {
	t.Helper()
	p, err := passport.New(passport.Config{
		ClientID:       passporttest.ClientID,
		AuthDomain:     auth.URL,
		BearerTokens:   true,
		Store:          store,
		EncryptionKeys: [][]byte{[]byte("a key that is shared by instances")[:32]},
		HTTPClient:     auth.Client(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(context.Background())) })
	mux := http.NewServeMux()
	mux.Handle("GET /inventory", p.RequireBearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bearer, ok := passport.BearerFrom(r.Context())
		assert.True(t, ok)
		assert.Equal(t, passporttest.DefaultUser().Subject, bearer.Subject)
	})))
	mux.HandleFunc("POST /signed-out", p.BearerLogout)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func call(t *testing.T, method, address, token string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}
