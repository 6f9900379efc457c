package guidetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

func verifier(store storage.TokenStore, keys [][]byte) (*passport.Passport, error) {
	p, err := passport.New(passport.Config{
		ClientID:       "your-client-id",
		BearerTokens:   true,
		Store:          store, // shared by all instances; see below
		EncryptionKeys: keys,
	})
	return p, err
}

// api serves an API to the holders of tokens, and signs nobody in.
func api(p *passport.Passport) *http.ServeMux {
	inventory := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bearer, _ := passport.BearerFrom(r.Context())
		fmt.Fprint(w, "the inventory of ", bearer.Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /inventory", p.RequireBearer(inventory))
	mux.HandleFunc("POST /signed-out", p.BearerLogout)
	return mux
}

// userOf is what an interceptor does, of gRPC or Connect: the values are
// md.Get("authorization"), or header.Values("Authorization").
func userOf(ctx context.Context, p *passport.Passport, authorization []string) (string, error) {
	bearer, err := p.VerifyAuthorization(ctx, authorization...)
	switch {
	case errors.Is(err, passport.ErrStoreUnavailable), errors.Is(err, passport.ErrKeysUnavailable):
		return "", errUnavailable // codes.Unavailable, connect.CodeUnavailable
	case err != nil:
		return "", errUnauthenticated // codes.Unauthenticated, connect.CodeUnauthenticated
	}
	return bearer.Subject, nil
}

var errUnavailable, errUnauthenticated = errors.New("unavailable"), errors.New("unauthenticated")

func TestACopiedTokenEndsWithTheLogout(t *testing.T) {
	_, err := verifier(memory.New(memory.Options{}), nil)
	require.NoError(t, err)
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		c.BearerTokens = true
		p := newPassport(t, c)
		mux := routes(p)
		mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
			token, err := passport.SessionFrom(r.Context()).IDToken(r.Context())
			assert.NoError(t, err)
			fmt.Fprint(w, token.Reveal())
		})
		mux.Handle("/api/", http.StripPrefix("/api", api(p)))
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {})
		return p, p.Handler(mux)
	})
	browser := s.auth.Browser()
	get(t, browser, s.URL+"/login")
	copied := "Bearer " + get(t, browser, s.URL+"/token").body
	assert.Equal(t, http.StatusOK, get(t, http.DefaultClient, s.URL+"/api/inventory", "Authorization", copied).StatusCode)
	_, err = userOf(t.Context(), s.p, []string{copied})
	assert.NoError(t, err)

	post(t, http.DefaultClient, s.URL+"/api/signed-out", "Authorization", copied)
	assert.Equal(t, http.StatusUnauthorized, get(t, http.DefaultClient, s.URL+"/api/inventory", "Authorization", copied).StatusCode)
	_, err = userOf(t.Context(), s.p, []string{copied})
	assert.ErrorIs(t, err, errUnauthenticated)
	_, err = userOf(t.Context(), s.p, nil)
	assert.ErrorIs(t, err, errUnauthenticated)
}
