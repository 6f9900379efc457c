package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/testsession"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// passportSessions keeps the tokens of a number of users with this SDK, in a store:
// nil for the default one. idle is Config.IdleTimeout: 0 for none.
func passportSessions(b owner, live int, store storage.TokenStore, idle time.Duration) contender {
	b.Helper()
	c := contender{name: "passport" + suffix(idle)}
	if idle == 0 {
		idle = -1 // off; 0 means the default
	}
	if store == nil {
		store = memory.New(memory.Options{Limit: -1})
	}
	p, err := passport.New(passport.Config{
		ClientID:       "client",
		RedirectURI:    "http://localhost:8080/redirect",
		Store:          store,
		EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		IdleTimeout:    idle,
	})
	require.NoError(b, err)
	b.Cleanup(func() { assert.NoError(b, p.Close(context.Background())) })
	c.protect = p.Handler
	c.handler = p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if passport.SessionFrom(r.Context()) == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		noContent(w, r)
	}))
	for i := range live {
		c.cookies = append(c.cookies, begin(b, p, i))
	}
	return c
}

// begin begins the session of the i-th user, and returns the cookie. It is what
// passporttest.NewSession does, with tokens of the sizes of Immutable's, for signing
// 100,000 of them takes minutes.
func begin(b owner, p *passport.Passport, i int) string {
	b.Helper()
	session, err := testsession.Begin(context.Background(), p, func(c testsession.Client) testsession.Tokens {
		return testsession.Tokens{
			Subject:     fmt.Sprintf("email|%024d", i),
			SID:         fmt.Sprintf("%032d", i),
			IDToken:     idToken + refreshToken, // there is no refresh token, so that nothing calls the provider
			AccessToken: accessToken,
			Scope:       "openid profile email offline_access transact",
			Expiry:      c.Now().Add(24 * time.Hour),
		}
	})
	require.NoError(b, err)
	return session.Cookie + "=" + session.ID
}

// readingToken is c with a handler that reads the access token.
func (c contender) readingToken() contender {
	c.name += "-token"
	c.handler = c.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := passport.SessionFrom(r.Context()).AccessToken(r.Context())
		if err != nil || len(token) != len(accessToken) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		noContent(w, r)
	}))
	return c
}

// secretID is of the size and kind of ours.
func secretID() string {
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}
