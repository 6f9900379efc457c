package passport

import (
	"context"
	"errors"

	"github.com/passport-go/passport/internal/testsession"
)

func init() { testsession.Begin = beginTestSession }

// beginTestSession is how passporttest.NewSession begins a session: as a login
// does, without the provider.
func beginTestSession(ctx context.Context, passport any, issue func(testsession.Client) testsession.Tokens) (testsession.Session, error) {
	p, ok := passport.(*Passport)
	if !ok {
		return testsession.Session{}, errors.New("passport: not a *passport.Passport")
	}
	issued := issue(testsession.Client{Issuer: p.c.Issuer, ClientID: p.c.ClientID, Audience: p.c.Audience, Now: p.c.Now})
	t := tokens{
		IDToken:     Secret(issued.IDToken),
		AccessToken: Secret(issued.AccessToken),
		TokenType:   "Bearer",
		Scope:       issued.Scope,
		Expiry:      issued.Expiry,
	}
	in, err := p.beginSession(ctx, t, issued.Subject, issued.SID)
	if err != nil {
		return testsession.Session{}, err
	}
	return testsession.Session{
		Cookie: p.http.session,
		ID:     in.SessionID.Reveal(),
		In: func(ctx context.Context) context.Context {
			return context.WithValue(ctx, sessionKey{}, in.Session)
		},
	}, nil
}
