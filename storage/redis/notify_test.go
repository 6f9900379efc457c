package redis

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// listener is a Listen under way.
type listener struct {
	ready chan struct{}
	heard chan string
	ended chan error
	stop  context.CancelFunc
}

func listen(t testing.TB, s *Store) *listener {
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{ready: make(chan struct{}), heard: make(chan string, 1000), ended: make(chan error, 1), stop: cancel}
	go func() {
		l.ended <- s.Listen(ctx, func() { close(l.ready) }, func(id string) { l.heard <- id })
	}()
	t.Cleanup(cancel)
	wait(t, l.ready, "the listener to be ready")
	return l
}

// wait returns what comes on c.
func wait[T any](t testing.TB, c <-chan T, waiting string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(20 * time.Second):
		require.Fail(t, "waited for "+waiting)
	}
	return v
}

// hear checks that what s tells, s hears.
func hear(t testing.TB, s *Store) {
	t.Helper()
	l := listen(t, s)
	require.NoError(t, s.Notify(t.Context(), "a", "b"))
	heard := []string{wait(t, l.heard, "a notice"), wait(t, l.heard, "a notice")}
	assert.ElementsMatch(t, []string{"a", "b"}, heard)
	l.stop()
	assert.ErrorIs(t, wait(t, l.ended, "the listener to end"), context.Canceled)
}

func TestNoticesReachOtherInstances(t *testing.T) {
	prefix := newPrefix()
	c := theCluster(t)
	teller, hearer := newStore(t, c.client(t), Options{Prefix: prefix}), newStore(t, c.client(t), Options{Prefix: prefix})
	stranger := listen(t, newStore(t, c.client(t), Options{}))
	l := listen(t, hearer)
	require.NoError(t, teller.Notify(t.Context(), "a"))
	assert.Equal(t, "a", wait(t, l.heard, "a notice"))
	hear(t, newStore(t, theServer(t).client(t), Options{}))
	assert.Empty(t, stranger.heard)
}

func TestListenReturnsWhenTheServerDies(t *testing.T) {
	server := newServer(t)
	s := newStore(t, server.client(t), Options{})
	l := listen(t, s)
	server.kill()
	err := wait(t, l.ended, "the listener to end")
	assert.ErrorContains(t, err, "storage/redis: listen: ")
	assert.NotErrorIs(t, err, storage.ErrNotFound)

	require.NoError(t, server.start())
	hear(t, s)
}

func TestListenReturnsWhenTheServerFallsSilent(t *testing.T) {
	server := newServer(t)
	s := newStore(t, server.client(t), Options{})
	s.pingAfter = 30 * time.Millisecond
	l := listen(t, s)
	require.NoError(t, s.Notify(t.Context(), "a"))
	assert.Equal(t, "a", wait(t, l.heard, "a notice"))
	// It goes on for as long as the server answers.
	admin, pings := server.admin(t), 0
	eventually(t, func() bool { pings += commands(t, admin)["ping"]; return pings >= 3 }, "the listener to ask")
	assert.Empty(t, l.ended)

	require.NoError(t, server.process.Signal(syscall.SIGSTOP))
	assert.Error(t, wait(t, l.ended, "the listener to end"))
}

func TestListenWithoutAServerReturns(t *testing.T) {
	server := newServer(t)
	s := newStore(t, server.client(t), Options{})
	server.kill()
	err := s.Listen(t.Context(), func() { t.Error("it is not ready") }, nil)
	assert.ErrorContains(t, err, "storage/redis: listen: ")
	assert.False(t, errors.Is(err, context.Canceled))
}

// Instances of two versions hear each other: the channel, and what is said on it, stay.
func TestTheNoticesStay(t *testing.T) {
	client := theServer(t).client(t)
	s := newStore(t, client, Options{})
	channel := string(s.spaces[0]) + "ended"
	heard := client.Subscribe(t.Context(), channel)
	t.Cleanup(func() { _ = heard.Close() })
	_, err := heard.Receive(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Notify(t.Context(), "an id"))
	assert.Equal(t, "an id", wait(t, heard.Channel(), "a notice").Payload)

	l := listen(t, s)
	require.NoError(t, client.Publish(t.Context(), channel, "another").Err())
	assert.Equal(t, "another", wait(t, l.heard, "a notice"))
}
