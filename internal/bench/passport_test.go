package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// passportSessions keeps the tokens with this SDK, in a store: nil for the
// default one. idle is Config.IdleTimeout: 0 for none. The sessions come from
// logins at a stand-in for the auth domain that issues tokens of the right size.
func passportSessions(b owner, store storage.TokenStore, idle time.Duration) contender {
	b.Helper()
	c := contender{name: "passport" + suffix(idle)}
	if idle == 0 {
		idle = -1 // off; 0 means the default
	}
	auth := authDomain()
	defer auth.Close()
	mux := http.NewServeMux()
	app := httptest.NewServer(mux)
	defer app.Close()

	p, err := passport.New(passport.Config{
		ClientID:       passporttest.ClientID,
		AuthDomain:     auth.URL,
		RedirectURI:    app.URL + "/redirect",
		Store:          store,
		EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		IdleTimeout:    idle,
		HTTPClient:     auth.Client(),
	})
	require.NoError(b, err)
	b.Cleanup(func() { assert.NoError(b, p.Close(context.Background())) })
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("GET /{$}", noContent)

	c.handler = p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if passport.SessionFrom(r.Context()) == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		noContent(w, r)
	}))
	for range users {
		browser := auth.Browser()
		res, err := browser.Get(app.URL + "/login")
		require.NoError(b, err)
		require.NoError(b, res.Body.Close())
		require.Equal(b, http.StatusNoContent, res.StatusCode, "signed in, and back home")
		for _, cookie := range browser.Jar.Cookies(res.Request.URL) {
			if cookie.Name == "passport" {
				c.cookies = append(c.cookies, "passport="+cookie.Value)
			}
		}
	}
	require.Len(b, c.cookies, users)
	session, err := p.Session(context.Background(), passport.Secret(strings.TrimPrefix(c.cookies[0], "passport=")))
	require.NoError(b, err)
	issued, err := session.IDToken(context.Background())
	require.NoError(b, err)
	require.InDelta(b, len(idToken), len(issued.Reveal()), 50, "as big as the peers' is")
	return c
}

// authDomain is one whose tokens have the sizes of Immutable's.
func authDomain() *passporttest.Server {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	auth.Inject(passporttest.Fault{Path: "/oauth/token",
		EditClaims: func(claims map[string]any) { claims["padding"] = strings.Repeat("i", 100) },
		EditAnswer: func(answer map[string]any) {
			answer["access_token"], answer["refresh_token"] = accessToken, refreshToken
		},
	})
	return auth
}

// secretID is of the size and kind of ours.
func secretID() string {
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}
