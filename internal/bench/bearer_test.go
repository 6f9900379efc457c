package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/jwks"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// BenchmarkBearer is a request with a token that has been seen before, as nearly all
// are. Ours also looks whether the user has signed out, which the peer does not.
func BenchmarkBearer(b *testing.B) {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
	p, access, id := bearerTokens(b, auth)
	ours := p.RequireBearer(http.HandlerFunc(noContent))
	theirs := auth0Middleware(b, auth, "platform_api")
	for _, c := range []struct {
		name    string
		handler http.Handler
		token   passport.Secret
	}{
		{"access/passport", ours, access},
		{"access/go-jwt-middleware", theirs, access},
		{"id/passport", ours, id},
		{"id/go-jwt-middleware", auth0Middleware(b, auth, passporttest.ClientID), id},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/api", nil)
			r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
			w := &discard{header: http.Header{}}
			c.handler.ServeHTTP(w, r)
			require.Equal(b, http.StatusNoContent, w.status)
			b.ReportAllocs()
			for b.Loop() {
				w.reset()
				c.handler.ServeHTTP(w, r)
			}
			require.Equal(b, http.StatusNoContent, w.status)
		})
	}
}

// bearerTokens are those of a user who has signed in.
func bearerTokens(b owner, auth *passporttest.Server) (p *passport.Passport, access, id passport.Secret) {
	b.Helper()
	ctx := context.Background()
	p, err := passport.New(passport.Config{
		ClientID:     passporttest.ClientID,
		AuthDomain:   auth.URL,
		RedirectURI:  "http://localhost:8080/redirect",
		HTTPClient:   auth.Client(),
		BearerTokens: true,
	})
	require.NoError(b, err)
	b.Cleanup(func() { assert.NoError(b, p.Close(ctx)) })
	address, browser, err := p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(b, err)
	visitor := auth.Browser()
	visitor.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "localhost:8080" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	res, err := visitor.Get(address)
	require.NoError(b, err)
	require.NoError(b, res.Body.Close())
	back, err := res.Location()
	require.NoError(b, err)
	in, _, err := p.FinishLogin(ctx, browser, back.Query())
	require.NoError(b, err)
	access, err = in.Session.AccessToken(ctx)
	require.NoError(b, err)
	id, err = in.Session.IDToken(ctx)
	require.NoError(b, err)
	return p, access, id
}

// auth0Middleware is set up as its documentation says.
func auth0Middleware(b owner, auth *passporttest.Server, audience string) http.Handler {
	b.Helper()
	issuer, err := url.Parse(auth.Issuer())
	require.NoError(b, err)
	keys := jwks.NewCachingProvider(issuer, 5*time.Minute, jwks.WithCustomClient(auth.Client()))
	v, err := validator.New(keys.KeyFunc, validator.RS256, issuer.String(), []string{audience})
	require.NoError(b, err)
	return jwtmiddleware.New(v.ValidateToken).CheckJWT(http.HandlerFunc(noContent))
}
