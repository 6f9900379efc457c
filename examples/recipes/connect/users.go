package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/passport-go/passport"
)

// users is an interceptor that lets in who is signed in.
type users struct{ p *passport.Passport }

// recheck is how often a stream asks whether its token still holds.
const recheck = time.Second

// user is who makes a request. The session is nil if the request is let in by a token,
// although it may have the cookie of one, too.
type user struct {
	subject string
	session *passport.Session
}

type userKey struct{}

func userFrom(ctx context.Context) string {
	u, _ := ctx.Value(userKey{}).(user)
	return u.subject
}

func (u *users) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		admitted, err := u.admit(ctx, r.Header())
		if err != nil {
			return nil, err
		}
		return next(context.WithValue(ctx, userKey{}, admitted), r)
	}
}

// WrapStreamingHandler cancels the context of a stream when its user signs out. A
// [connect.UnaryInterceptorFunc] would let every stream in.
func (u *users) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		admitted, err := u.admit(ctx, conn.RequestHeader())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancelCause(context.WithValue(ctx, userKey{}, admitted))
		defer cancel(nil)
		go u.watch(ctx, admitted, conn.RequestHeader(), cancel)
		return next(ctx, conn)
	}
}

func (u *users) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// admit returns the user of a request: by its token, or else by its session.
func (u *users) admit(ctx context.Context, header http.Header) (user, error) {
	bearer, err := u.p.VerifyAuthorization(ctx, header.Values("Authorization")...)
	session := passport.SessionFrom(ctx)
	switch {
	case err == nil:
		return user{subject: bearer.Subject}, nil
	case errors.Is(err, passport.ErrNoBearer) && session != nil:
		return user{session.Subject(), session}, nil
	case errors.Is(err, passport.ErrStoreUnavailable), errors.Is(err, passport.ErrKeysUnavailable):
		return user{}, connect.NewError(connect.CodeUnavailable, err)
	}
	return user{}, connect.NewError(connect.CodeUnauthenticated, err)
}

// watch ends a stream with the session. A token tells nobody that its user has signed
// out, so it is verified again: that is a look-up in the Store.
func (u *users) watch(ctx context.Context, admitted user, header http.Header, end context.CancelCauseFunc) {
	signedOut := connect.NewError(connect.CodeUnauthenticated, errors.New("signed out"))
	if admitted.session != nil {
		select {
		case <-admitted.session.Done(ctx):
			end(signedOut)
		case <-ctx.Done():
		}
		return
	}
	ticks := time.NewTicker(recheck)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if _, err := u.admit(ctx, header); connect.CodeOf(err) == connect.CodeUnauthenticated {
			end(signedOut)
			return
		}
	}
}
