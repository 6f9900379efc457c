package main

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/usertest"
	"github.com/passport-go/passport/passporttest"
)

// start serves the site, and returns a client of the service behind it.
func start(t *testing.T) (*usertest.Site, *client) {
	t.Helper()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := usertest.Start(t, func(ctx context.Context, listener net.Listener, c passport.Config) error {
		return serve(ctx, listener, backend, c)
	})
	conn, err := grpc.NewClient(backend.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return s, &client{t, conn}
}

type client struct {
	t    *testing.T
	conn *grpc.ClientConn
}

func (c *client) context(authorization ...string) context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	c.t.Cleanup(cancel)
	for _, value := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
	}
	return ctx
}

// list calls the service with the values of a header.
func (c *client) list(authorization ...string) (string, error) {
	answer := new(wrapperspb.StringValue)
	err := c.conn.Invoke(c.context(authorization...), list, &emptypb.Empty{}, answer)
	return answer.Value, err
}

// watch opens a stream, and returns what waits for its end.
func (c *client) watch(authorization ...string) (end func() error) {
	c.t.Helper()
	stream, err := c.conn.NewStream(c.context(authorization...), &service.Streams[0], watch)
	require.NoError(c.t, err)
	require.NoError(c.t, stream.SendMsg(&emptypb.Empty{}))
	require.NoError(c.t, stream.CloseSend())
	return func() error {
		for {
			if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil {
				return err
			}
		}
	}
}

func TestACopiedTokenEndsWithTheLogout(t *testing.T) {
	s, service := start(t)
	b := s.Browser()
	b.SignIn()
	const want = "The inventory of "
	assert.Equal(t, want+passporttest.DefaultUser().Subject, b.Get("/inventory").Body, "through the site")
	copied := "Bearer " + s.Token(b)
	answer, err := service.list(copied)
	require.NoError(t, err)
	assert.Equal(t, want+passporttest.DefaultUser().Subject, answer)
	end := service.watch(copied)

	b.SignOut()
	_, err = service.list(copied)
	assert.Equal(t, codes.Unauthenticated, status.Code(err), err)
	assert.Equal(t, codes.Unauthenticated, status.Code(end()), "the stream")
}

func TestNobodyGetsInWithoutAToken(t *testing.T) {
	s, service := start(t)
	b := s.Browser()
	b.SignIn()
	token := "Bearer " + s.Token(b)
	for name, authorization := range map[string][]string{
		"none":             nil,
		"another scheme":   {"Basic " + token},
		"made up":          {"Bearer eyJhbGciOiJub25lIn0.e30."},
		"two of them":      {token, token},
		"changed":          {token + "A"},
		"the scheme alone": {"Bearer "},
	} {
		_, err := service.list(authorization...)
		assert.Equal(t, codes.Unauthenticated, status.Code(err), name)
		assert.Equal(t, codes.Unauthenticated, status.Code(service.watch(authorization...)()), name)
	}
}

// Nothing is known of a token while the provider's keys cannot be fetched: that is no
// reason to throw it away.
func TestWithoutKeysTheServiceIsUnavailable(t *testing.T) {
	s, service := start(t)
	token := "Bearer " + s.Token(s.Browser())
	s.Auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Status: http.StatusServiceUnavailable})
	_, err := service.list(token)
	assert.Equal(t, codes.Unavailable, status.Code(err), err)
}
