package privatefile

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestADirectoryThatCannotBeSyncedIsLeftAsItIs(t *testing.T) {
	proc, err := os.Open("/proc")
	require.NoError(t, err)
	defer proc.Close()
	require.ErrorIs(t, proc.Sync(), syscall.EINVAL, "like a folder that is shared with a virtual machine")
	assert.NoError(t, SyncDir("/proc"))
}
