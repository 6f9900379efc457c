package native

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a process is started with as its way to be shown goes before what it asks
// for itself, so a browser that was started hidden has a window that nobody sees.
func TestABrowserIsNotStartedHidden(t *testing.T) {
	assert.False(t, apart().HideWindow)
	assert.NotZero(t, apart().CreationFlags&noConsole, "the command itself shows nothing")
	assert.NotZero(t, apart().CreationFlags&syscall.CREATE_NEW_PROCESS_GROUP)
}
