package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/examples/internal/usertest"
)

// The user signs out in one tab while another has both streams open.
func TestStreamsEndWithTheSession(t *testing.T) {
	s := usertest.Start(t, serve)
	b := s.Browser()
	require.Contains(t, b.Get("/login").Body, "You are signed in")
	copied := b.Copy()
	events := b.Events("/events")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := dial(ctx, b)
	require.NoError(t, err)
	defer conn.CloseNow()
	_, _, err = conn.Read(ctx)
	require.NoError(t, err)

	b.SignOut()
	events.EndSignedOut()
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	var closed websocket.CloseError
	require.ErrorAs(t, err, &closed)
	assert.Equal(t, websocket.CloseError{Code: websocket.StatusPolicyViolation, Reason: "signed out"}, closed)
	s.IsSignedOut()

	_, res, err := dial(ctx, copied)
	assert.Error(t, err)
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode, "a copied cookie")
	again := copied.Do(http.MethodGet, "/events", "Accept", "text/event-stream")
	assert.Equal(t, http.StatusUnauthorized, again.StatusCode)
}

func TestAPageOfAnotherOriginGetsNoSocket(t *testing.T) {
	s := usertest.Start(t, serve)
	b := s.Browser()
	b.Get("/login")
	_, res, err := dial(t.Context(), b, "Origin", "https://evil.example")
	assert.Error(t, err)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
}

func dial(ctx context.Context, b *usertest.Browser, header ...string) (*websocket.Conn, *http.Response, error) {
	fields := http.Header{}
	for i := 0; i < len(header); i += 2 {
		fields.Set(header[i], header[i+1])
	}
	return websocket.Dial(ctx, strings.Replace(b.Base, "http", "ws", 1)+"/socket", &websocket.DialOptions{HTTPClient: b.Client, HTTPHeader: fields})
}
