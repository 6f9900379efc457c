package redis

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// lossy is a network that loses the next answer, and the connection with it,
// when told to.
type lossy struct {
	loseNext  atomic.Bool
	meanwhile func() // what others do before the client tries again; may be nil
}

type lossyConn struct {
	net.Conn
	network *lossy
}

func (l *lossy) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, addr)
	return lossyConn{conn, l}, err
}

func (c lossyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p) // the server has done it by then
	if err == nil && c.network.loseNext.CompareAndSwap(true, false) {
		_ = c.Close()
		if c.network.meanwhile != nil {
			c.network.meanwhile()
		}
		return 0, io.EOF
	}
	return n, err
}

func newLossyStore(t *testing.T, clock *clock) (*Store, func()) {
	s, network := newLossyNetwork(t, clock)
	return s, func() { network.loseNext.Store(true) }
}

func newLossyNetwork(t *testing.T, clock *clock) (*Store, *lossy) {
	var network lossy
	client := newClient(t, &redis.Options{Addr: theServer(t).addr, Dialer: network.dial})
	s := newStore(t, client, Options{Now: clock.now})
	liveOut(t, s, clock) // there is a connection now, and the scripts are known
	t.Cleanup(func() { assert.False(t, network.loseNext.Load(), "an answer was lost") })
	return s, &network
}

func TestASaveWhoseAnswerIsLostIsNoConflict(t *testing.T) {
	s, loseAnswer := newLossyStore(t, new(clock))
	loseAnswer()
	r := save(t, s, newRecord("a"))
	assert.EqualValues(t, 1, r.Revision)
	loseAnswer()
	r.Data = []byte("refreshed")
	r = save(t, s, r)
	assert.EqualValues(t, 2, r.Revision)
	assertLive(t, s, r)
}

// The client sends the login again after the user has logged out everywhere on
// another instance.
func TestASessionThatHasEndedDoesNotComeBackWithALateAnswer(t *testing.T) {
	s, network := newLossyNetwork(t, new(clock))
	others := *s
	others.client = theServer(t).client(t)
	network.meanwhile = func() {
		revocations, err := others.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "alice"}, time.Minute)
		assert.NoError(t, err)
		assert.Len(t, revocations, 1)
	}
	network.loseNext.Store(true)
	_, err := s.Save(t.Context(), newRecord("a"))
	require.NoError(t, err)
	assertGone(t, s, "a")
}

func TestARevocationWhoseAnswerIsLostIsInTheQueue(t *testing.T) {
	var clock clock
	s, loseAnswer := newLossyStore(t, &clock)
	loseAnswer()
	_, err := s.Enqueue(t.Context(), newRecord("enqueued"), time.Minute)
	require.NoError(t, err)

	save(t, s, newRecord("a"))
	loseAnswer()
	_, err = s.DeleteAndEnqueue(t.Context(), "a", time.Minute)
	assert.ErrorIs(t, err, storage.ErrNotFound)

	save(t, s, newRecord("b"))
	loseAnswer()
	revocations, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "alice"}, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, revocations)

	clock.advance(time.Minute)
	loseAnswer()
	revocations, err = s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	assert.Len(t, revocations, 3)
}

func TestTheSameWriteOfTwoCallersIsAConflict(t *testing.T) {
	s := newStore(t, theServer(t).client(t), Options{})
	r := newRecord("a")
	saved := save(t, s, r)
	_, err := s.Save(t.Context(), r)
	assert.ErrorIs(t, err, storage.ErrConflict)
	save(t, s, saved)
	_, err = s.Save(t.Context(), saved)
	assert.ErrorIs(t, err, storage.ErrConflict)
}
