//go:build unix

package privatefile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tempDir is a directory without links above it, and not within a home.
func tempDir(t *testing.T) string {
	t.Helper()
	t.Setenv("HOME", "/nonexistent")
	dir, err := Resolve(t.TempDir())
	require.NoError(t, err)
	return dir
}

func makeDir(t *testing.T, mode os.FileMode, elements ...string) string {
	t.Helper()
	dir := filepath.Join(elements...)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, mode))
	return dir
}

func TestADirectoryIsMadeForTheUserAlone(t *testing.T) {
	dir := filepath.Join(tempDir(t), "a", "b")
	require.NoError(t, PrepareDir(dir))
	for _, d := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(d)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

// A power cut right after the first session must not take its directory.
func TestADirectoryThatIsMadeIsOnTheDisk(t *testing.T) {
	top := tempDir(t)
	var synced []string
	t.Cleanup(func() { syncDir = SyncDir })
	syncDir = func(dir string) error {
		synced = append(synced, dir)
		return SyncDir(dir)
	}
	dir := filepath.Join(top, "a", "b")
	require.NoError(t, MakeDir(dir))
	assert.Equal(t, []string{filepath.Join(top, "a"), top}, synced)
	require.NoError(t, MakeDir(dir))
	assert.Len(t, synced, 2, "it is there")
}

func TestNobodyElseCanWriteToAnyDirectoryAbove(t *testing.T) {
	for _, mode := range []os.FileMode{0o777, 0o775, 0o722} {
		open := makeDir(t, mode, tempDir(t), "open")
		for _, dir := range []string{open, filepath.Join(open, "mine"), filepath.Join(open, "mine", "below")} {
			err := PrepareDir(dir)
			require.ErrorContains(t, err, "others can write to the directory "+open+" ", dir)
			assert.ErrorContains(t, err, "chmod go-w")
		}
	}
}

func TestADirectoryLikeTmpIsGoodForWhatIsBelow(t *testing.T) {
	tmp := makeDir(t, 0o777|os.ModeSticky, tempDir(t), "tmp")
	assert.NoError(t, PrepareDir(filepath.Join(tmp, "mine")))
}

func TestAboveTheHomeDirectoryTheSystemIsTrusted(t *testing.T) {
	open := makeDir(t, 0o777, tempDir(t), "open")
	home := makeDir(t, 0o755, open, "home")
	require.ErrorContains(t, PrepareDir(filepath.Join(home, "a")), open)
	t.Setenv("HOME", home)
	require.NoError(t, PrepareDir(filepath.Join(home, "a")))
	require.NoError(t, os.Chmod(home, 0o777))
	assert.ErrorContains(t, PrepareDir(filepath.Join(home, "a")), "others can write to the directory "+home)
}

func TestTheUsersOwnGroupIsNobodyElse(t *testing.T) {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	assert.Equal(t, uid != 0 && uid == gid, isOwnGroup(ownedBy{gid: uid}), "root's is that of others too")
	assert.False(t, isOwnGroup(ownedBy{gid: uid + 1}))
}

func TestLinksAreResolvedWhetherOrNotTheyLeadSomewhere(t *testing.T) {
	dir := tempDir(t)
	real := makeDir(t, 0o700, dir, "real")
	require.NoError(t, os.WriteFile(filepath.Join(real, "file"), nil, 0o600))
	for name, to := range map[string]string{
		"dir": "real", "absolute": filepath.Join(real, "file"), "relative": "real/file", "twice": "relative",
		"through": "dir/file", "dangling": "real/none", "loop": "loop", "nowhere": "none",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	for name, want := range map[string]string{
		"real/file": "real/file", "dir/file": "real/file", "absolute": "real/file", "relative": "real/file",
		"twice": "real/file", "through": "real/file", "dangling": "real/none", "real/new": "real/new",
		"new/dir/file": "new/dir/file", "dir/new/file": "real/new/file",
	} {
		got, err := Resolve(filepath.Join(dir, name))
		require.NoError(t, err, name)
		assert.Equal(t, filepath.Join(dir, want), got, name)
	}
	_, err := Resolve(filepath.Join(dir, "loop"))
	assert.ErrorContains(t, err, "too many symbolic links")
	_, err = Resolve(filepath.Join(dir, "real", "file", "below", "it"))
	assert.ErrorContains(t, err, filepath.Join(dir, "real", "file")+"/below: not a directory")
	_, err = Resolve(filepath.Join(dir, "nowhere", "file"))
	assert.ErrorContains(t, err, filepath.Join(dir, "nowhere")+" is a symbolic link that leads nowhere")
}
