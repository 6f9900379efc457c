package file_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/passport-go/passport/storage/file"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func keyPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "mygame", "key")
}

func TestTheKeyIsMadeOnceAndForTheUserAlone(t *testing.T) {
	path := keyPath(t)
	key, err := file.Key(path)
	require.NoError(t, err)
	assert.Len(t, key, 32)
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path))
	again, err := file.Key(path)
	require.NoError(t, err)
	assert.Equal(t, key, again)

	other, err := file.Key(keyPath(t))
	require.NoError(t, err)
	assert.NotEqual(t, key, other)
}

func TestEverybodyWhoComesAtOnceGetsTheSameKey(t *testing.T) {
	path := keyPath(t)
	keys := make([][]byte, 8)
	var racing sync.WaitGroup
	for i := range keys {
		racing.Go(func() {
			key, err := file.Key(path)
			assert.NoError(t, err)
			keys[i] = key
		})
	}
	racing.Wait()
	for _, key := range keys {
		assert.Equal(t, keys[0], key)
	}
}

func TestAKeyFileWithSomethingElseInItIsLeftAlone(t *testing.T) {
	for name, contents := range map[string]string{
		"not base64": "a secret that is no key\n",
		"too short":  base64.StdEncoding.EncodeToString([]byte("short")),
	} {
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte(contents), 0o600))
		_, err := file.Key(path)
		require.ErrorContains(t, err, path+" holds no key", name)
		assert.NotContains(t, err.Error(), strings.TrimSpace(contents), name)
		there, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, contents, string(there), name)
	}
}

func TestAKeyThatSomebodyWroteDownIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	want := bytes.Repeat([]byte{7}, 32)
	require.NoError(t, os.WriteFile(path, []byte(" "+base64.StdEncoding.EncodeToString(want)), 0o644))
	key, err := file.Key(path)
	require.NoError(t, err)
	assert.Equal(t, want, key)
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path), "tightened")
}

func TestAKeyIsRefusedAPlaceThatOthersCanWriteTo(t *testing.T) {
	open := t.TempDir()
	require.NoError(t, os.Chmod(open, 0o777))
	_, err := file.Key(filepath.Join(open, "key"))
	assert.ErrorContains(t, err, "others can write")
	_, err = file.Key("")
	assert.ErrorContains(t, err, "path is empty")
}
