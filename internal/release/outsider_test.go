package release_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/release"
)

const (
	before = "v0.1.0"
	after  = "v0.2.0"
)

// TestAnOutsiderCanHave packs the tree as two releases.
func TestAnOutsiderCanHave(t *testing.T) {
	outside, w := packed(t)
	published := w.Published()
	root, nested := published[0], published[1:]
	require.Equal(t, ".", root.Dir)
	require.NotEmpty(t, nested)

	t.Run("all together", func(t *testing.T) {
		assert.NoError(t, outside.Try(t.Context(), before, published...))
	})
	if testing.Short() {
		return
	}
	for _, m := range published {
		t.Run("alone "+m.Dir, func(t *testing.T) {
			assert.NoError(t, outside.Try(t.Context(), before, m))
		})
	}
	t.Run("a new root under old modules", func(t *testing.T) {
		assert.NoError(t, outside.UpgradeRoot(t.Context(), before, after, root, nested...))
	})
	t.Run("new modules with an old root", func(t *testing.T) {
		assert.NoError(t, outside.UpgradeNested(t.Context(), before, after, root, nested...))
	})
}

func packed(t *testing.T) (release.Outside, release.Workspace) {
	t.Helper()
	dir := t.TempDir()
	repository, err := filepath.Abs("../..")
	require.NoError(t, err)
	w, err := release.Snapshot(t.Context(), repository, filepath.Join(dir, "tree"))
	require.NoError(t, err)
	outside := release.Outside{
		Proxy:    release.Proxy{Dir: filepath.Join(dir, "proxy")},
		Cache:    filepath.Join(dir, "cache"),
		Programs: w.Programs(),
	}
	pack(t, outside, w, before)
	pack(t, outside, w, after)
	require.NoError(t, os.Remove(filepath.Join(w.Root, "go.mod")), "outsiders must do without the tree")
	return outside, w
}

func pack(t *testing.T, outside release.Outside, w release.Workspace, version string) {
	t.Helper()
	require.NoError(t, w.SetVersion(version))
	_, err := outside.Proxy.Add(w, version)
	require.NoError(t, err)
}
