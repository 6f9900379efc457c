package keyring

import (
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ServeBus has answer serve each connection to a D-Bus session, at the path that it returns.
func ServeBus(t *testing.T, answer func(net.Conn)) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "bus")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				answer(c)
			})
		}
	})
	return socket
}

// The user is logging out, or has too many connections. A program must not change to
// storage/file for that.
func TestABusThatHangsUpIsNoMissingKeyring(t *testing.T) {
	socket := ServeBus(t, func(net.Conn) {})
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+socket)
	err := probe(t.Context())
	assert.ErrorIs(t, err, errNoAnswer)
	assert.NotErrorIs(t, err, ErrNoKeyring)
}
