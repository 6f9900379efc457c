//go:build unix

package privatefile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFileIsForItsOwnerAlone(t *testing.T) {
	for what, mode := range map[string]os.FileMode{"new": 0, "private": 0o600, "read-only": 0o400, "for the group": 0o640, "for all": 0o666} {
		t.Run(what, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "secrets")
			if mode != 0 {
				require.NoError(t, os.WriteFile(name, []byte("a secret"), 0o600))
				require.NoError(t, os.Chmod(name, mode))
			}
			file, err := Open(name, os.O_RDONLY|os.O_CREATE)
			require.NoError(t, err)
			info, err := file.Stat()
			require.NoError(t, err)
			require.NoError(t, file.Close())
			assert.Zero(t, info.Mode().Perm()&0o077)
			if mode != 0 {
				assert.EqualValues(t, len("a secret"), info.Size())
			}
		})
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir, os.O_RDONLY)
	assert.ErrorContains(t, err, dir+": not a regular file")
	_, err = Open(filepath.Join(dir, "missing"), os.O_RDONLY)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestADirectoryThatIsGoneCannotBeSynced(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, SyncDir(dir))
	assert.ErrorIs(t, SyncDir(filepath.Join(dir, "missing")), os.ErrNotExist)
}
