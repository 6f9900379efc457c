//go:build unix

package native

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A sandbox refuses any port, and the system one below 1024.
func TestAPortThatIsForbiddenIsSaid(t *testing.T) {
	for _, refused := range []syscall.Errno{syscall.EPERM, syscall.EACCES} {
		err := explainListen(0, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", refused)})
		assert.ErrorIs(t, err, refused)
		assert.ErrorContains(t, err, "network-bind")
		assert.ErrorContains(t, err, "below 1024")
	}
	assert.NotContains(t, explainListen(0, syscall.ENOBUFS).Error(), "below 1024")

	// Of several addresses each counts, whatever the last says.
	_, _, err := listenAll([]string{"192.0.2.1", "no address"}, 0)
	assert.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
}
