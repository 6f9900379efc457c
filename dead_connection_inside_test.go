package passport

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wire is the network between a program and a provider that speaks HTTP/2, in a bubble.
type wire struct {
	accepted chan net.Conn
	closed   chan struct{}

	mu    sync.Mutex
	dials int
	conns []*mortal
}

// mortal is a connection that may die as those do that a firewall has forgotten: nothing
// gets through, and nobody is told.
type mortal struct {
	net.Conn
	mu   sync.Mutex
	dead bool
}

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *mortal) Write(b []byte) (int, error) {
	if m.isDead() {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

func (m *mortal) Read(b []byte) (int, error) {
	for {
		n, err := m.Conn.Read(b)
		if err != nil || !m.isDead() {
			return n, err
		}
	}
}

func newWire(t *testing.T, h http.HandlerFunc) *wire {
	t.Helper()
	w := &wire{accepted: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h, Protocols: unencryptedHTTP2()}
	served := make(chan error, 1)
	go func() { served <- server.Serve(w) }()
	t.Cleanup(func() {
		_ = server.Close()
		assert.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return w
}

func unencryptedHTTP2() *http.Protocols {
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	return p
}

func (w *wire) transport() *http.Transport {
	return &http.Transport{DialContext: w.dial, Protocols: unencryptedHTTP2()}
}

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.accepted <- there:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m := &mortal{Conn: here}
	w.dials, w.conns = w.dials+1, append(w.conns, m)
	return m, nil
}

func (w *wire) killAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.die()
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.accepted:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	close(w.closed)
	return nil
}

func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

// A NAT that forgets a connection, or a machine that is gone, tells nobody. Over HTTP/2
// the next calls used the same connection, for a quarter of an hour.
// https://github.com/golang/go/issues/30702
func TestADeadConnectionDelaysOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := newWire(t, func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, 2, r.ProtoMajor)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"`+r.URL.Path+`","token_type":"Bearer","expires_in":3600}`)
		})
		p, err := New(Config{
			ClientID:   "client",
			AuthDomain: "http://localhost", APIDomain: "http://localhost", RedirectURI: "http://localhost/",
			HTTPClient: &http.Client{Transport: answers.transport()},
		})
		require.NoError(t, err)
		defer func() { assert.NoError(t, p.Close(context.Background())) }()
		session := &Session{p: p}
		require.NoError(t, p.findByID(t.Context(), p.storeSession(t, "refresh-token"), session))

		require.NoError(t, session.Refresh(t.Context()))
		answers.killAll()
		began := time.Now()
		require.NoError(t, session.Refresh(t.Context()))
		assert.Less(t, time.Since(began), refreshTimeout)
		assert.Equal(t, 2, answers.dials)

		ask := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), refreshTimeout)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/api", nil)
			require.NoError(t, err)
			res, err := session.Client().Do(r)
			if err == nil {
				err = res.Body.Close()
			}
			return err
		}
		require.NoError(t, ask())
		answers.killAll()
		assert.ErrorContains(t, ask(), "connection lost")
		assert.NoError(t, ask(), "the next call of the API has a connection of its own")
	})
}
