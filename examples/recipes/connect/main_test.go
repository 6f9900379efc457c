package main

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/passport-go/passport/examples/internal/usertest"
	"github.com/passport-go/passport/passporttest"
)

type client struct {
	t           *testing.T
	ctx         context.Context
	list, watch *connect.Client[emptypb.Empty, wrapperspb.StringValue]
	header      []string // of each request, a name and a value
}

// newClient makes a client of the service that sends a browser's cookies.
func newClient(t *testing.T, b *usertest.Browser, header ...string) *client {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return &client{
		t: t, ctx: ctx, header: header,
		list:  connect.NewClient[emptypb.Empty, wrapperspb.StringValue](b.Client, b.Base+list),
		watch: connect.NewClient[emptypb.Empty, wrapperspb.StringValue](b.Client, b.Base+watch),
	}
}

func (c *client) request() *connect.Request[emptypb.Empty] {
	r := connect.NewRequest(&emptypb.Empty{})
	r.Header().Set("Accept", "application/proto") // what the stand-in for a browser knows a fetch by
	for i := 0; i < len(c.header); i += 2 {
		r.Header().Set(c.header[i], c.header[i+1])
	}
	return r
}

func (c *client) refused() {
	c.t.Helper()
	_, err := c.list.CallUnary(c.ctx, c.request())
	assert.Equal(c.t, connect.CodeUnauthenticated, connect.CodeOf(err), err)
	stream, err := c.watch.CallServerStream(c.ctx, c.request())
	if err == nil {
		assert.False(c.t, stream.Receive())
		err = stream.Err()
	}
	assert.Equal(c.t, connect.CodeUnauthenticated, connect.CodeOf(err), err)
}

func (c *client) admitted() {
	c.t.Helper()
	res, err := c.list.CallUnary(c.ctx, c.request())
	require.NoError(c.t, err)
	assert.Equal(c.t, "The inventory of "+passporttest.DefaultUser().Subject, res.Msg.Value)
}

// open opens a stream, and returns what waits for its end.
func (c *client) open() (end func() error) {
	c.t.Helper()
	stream, err := c.watch.CallServerStream(c.ctx, c.request())
	require.NoError(c.t, err)
	require.True(c.t, stream.Receive(), stream.Err())
	return func() error {
		for stream.Receive() {
		}
		return stream.Err()
	}
}

func TestThePageAndOtherProgramsAreSignedOutTogether(t *testing.T) {
	s := usertest.Start(t, serve)
	b := s.Browser()
	newClient(t, b).refused()
	require.Contains(t, b.Get("/login").Body, "You are signed in")
	page, copied := newClient(t, b), newClient(t, b.Copy())
	program := newClient(t, s.Browser(), "Authorization", "Bearer "+s.Token(b))
	page.admitted()
	program.admitted()
	staged := newClient(t, b, "Authorization", "Basic c3RhZ2luZw==") // what a browser sends to a site that a proxy guards
	staged.admitted()
	ends := []func() error{page.open(), program.open(), staged.open()}

	b.SignOut()
	for _, end := range ends {
		assert.Equal(t, connect.CodeUnauthenticated, connect.CodeOf(end()))
	}
	page.refused()
	copied.refused()
	program.refused()
	staged.refused()
}

func TestAnotherSitesPageCannotUseTheCookie(t *testing.T) {
	s := usertest.Start(t, serve)
	b := s.Browser()
	b.Get("/login")
	_, err := newClient(t, b, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").call()
	assert.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err), err)
}

func (c *client) call() (*connect.Response[wrapperspb.StringValue], error) {
	return c.list.CallUnary(c.ctx, c.request())
}
