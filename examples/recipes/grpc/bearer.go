package main

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/passport-go/passport"
)

// recheck is how often a stream asks whether its token still holds: that is a look-up
// in the Store. A token by itself tells nobody that its user has signed out.
const recheck = time.Second

// bearer has the interceptors that let in valid bearer tokens.
type bearer struct{ p *passport.Passport }

type bearerKey struct{}

func bearerFrom(ctx context.Context) passport.Bearer {
	b, _ := ctx.Value(bearerKey{}).(passport.Bearer)
	return b
}

func (b bearer) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, err := b.admit(ctx)
	if err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

// stream cancels the context of a stream when the user of its token signs out.
func (b bearer) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := b.admit(stream.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go b.watch(ctx, cancel)
	return handler(srv, &userStream{stream, ctx})
}

// userStream is a stream with the context of its user.
type userStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *userStream) Context() context.Context { return s.ctx }

func (b bearer) admit(ctx context.Context) (context.Context, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	verified, err := b.p.VerifyAuthorization(ctx, md.Get("authorization")...)
	switch {
	case err == nil:
		return context.WithValue(ctx, bearerKey{}, verified), nil
	case errors.Is(err, passport.ErrStoreUnavailable), errors.Is(err, passport.ErrKeysUnavailable):
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return nil, status.Error(codes.Unauthenticated, err.Error())
}

func (b bearer) watch(ctx context.Context, end context.CancelCauseFunc) {
	ticks := time.NewTicker(recheck)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if _, err := b.admit(ctx); status.Code(err) == codes.Unauthenticated {
			end(err)
			return
		}
	}
}
