// Package testsession is how passporttest begins a session without a login. It
// is between the two because neither may import the other, and internal so that no
// program can begin one.
package testsession

import (
	"context"
	"time"
)

// Client is what the tokens of a session are issued for.
type Client struct {
	Issuer   string
	ClientID string
	Audience string // of access tokens; may be empty
	Now      func() time.Time
}

// Tokens are those of a session. There is no refresh token, so that nothing calls
// the provider.
type Tokens struct {
	Subject, SID         string
	IDToken, AccessToken string
	Scope                string
	Expiry               time.Time // of the access token
}

// Session is one that has begun.
type Session struct {
	// Cookie is the name of the cookie that holds ID, the secret id.
	Cookie, ID string

	// In returns ctx with the session in it, as handlers see it.
	In func(ctx context.Context) context.Context
}

// Begin begins a session. Package passport sets it; p is a *passport.Passport.
var Begin func(ctx context.Context, p any, issue func(Client) Tokens) (Session, error)
