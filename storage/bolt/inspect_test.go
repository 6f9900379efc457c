package bolt_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func inspected(t *testing.T, s *bolt.Store) []string {
	t.Helper()
	found, err := s.Inspect(t.Context())
	require.NoError(t, err)
	ids := []string{}
	for _, f := range found {
		assert.Equal(t, storage.Problem, f.Severity)
		assert.NotEmpty(t, f.Seen)
		ids = append(ids, f.ID)
	}
	return ids
}

func TestInspectFindsAFileThatLosesWhatItAnswered(t *testing.T) {
	s := open(t, tempPath(t), bolt.Options{})
	assert.Empty(t, inspected(t, s), "as Open makes it")
	_, unsynced := openUnsynced(t, tempPath(t), bolt.Options{})
	assert.Equal(t, []string{"bolt.no-sync"}, inspected(t, unsynced))
}

func TestInspectFindsAFileForOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // access follows from the directory's list
	}
	path := tempPath(t)
	s := open(t, path, bolt.Options{})
	require.NoError(t, os.Chmod(path, 0o640))
	assert.Equal(t, []string{"bolt.permissions"}, inspected(t, s))
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o777))
	assert.Equal(t, []string{"bolt.permissions"}, inspected(t, s), "its directory")
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o777|os.ModeSticky))
	assert.Empty(t, inspected(t, s), "like /tmp")
	require.NoError(t, s.Close())
	_, err := s.Inspect(t.Context())
	assert.Error(t, err)
}
