package passport

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/storage"
)

// SignInAttempt is a login whose ID token is verified, and which has no session
// yet. [Config].OnSignIn decides about it. It is valid only during that call, and
// not for concurrent use.
type SignInAttempt struct {
	// Subject is the user, and SID the Passport session (the sid claim), or empty.
	Subject string
	SID     string

	// IDToken and AccessToken are those of the login.
	IDToken     Secret
	AccessToken Secret

	tokens *tokens
}

// Claims decodes the claims of the ID token into v, as [Session.Claims] does.
func (a *SignInAttempt) Claims(v any) error { return a.tokens.claims(v) }

// SetData sets the new session's data, as [Session.SetData] does.
func (a *SignInAttempt) SetData(v any) error {
	data, err := encodeData(v)
	if err == nil {
		a.tokens.Data = data
	}
	return err
}

// Format prints the user and nothing else, whatever the verb.
func (a *SignInAttempt) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.SignInAttempt("+a.Subject+")")
}

// SignInRefused is the error with which Config.OnSignIn refuses a user. The user
// sees its texts.
type SignInRefused struct {
	Title string // default: "You cannot sign in here"
	Text  string // default: the program does not admit this account
}

// Error returns neither text, because they may name the user.
func (*SignInRefused) Error() string { return "passport: the program refused the sign-in" }

// ErrSignIn reports that Config.OnSignIn returned another error, which it wraps.
var ErrSignIn = errors.New("passport: the program could not sign the user in")

// admit calls Config.OnSignIn. If that refuses, fails or panics, the refresh token
// is revoked.
func (p *Passport) admit(ctx context.Context, t *tokens, id *provider.IDToken) error {
	if p.c.OnSignIn == nil {
		return nil
	}
	admitted := false
	defer func() {
		if !admitted {
			p.enqueueToken(storage.Record{Subject: id.Subject, SID: id.SID}, *t)
		}
	}()
	err := p.c.OnSignIn(ctx, &SignInAttempt{
		Subject:     id.Subject,
		SID:         id.SID,
		IDToken:     t.IDToken,
		AccessToken: t.AccessToken,
		tokens:      t,
	})
	admitted = err == nil
	var refused *SignInRefused
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", ErrSignIn, err)
	}
	return err
}
