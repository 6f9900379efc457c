//go:build unix

package privatefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asRoot returns the home directory of a user, as sudo leaves it in HOME, and has this
// package take the process for root's.
func asRoot(t *testing.T) (home string) {
	t.Helper()
	home = tempDir(t)
	t.Setenv("HOME", home)
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(home, 1000, 1000))
		return home
	}
	actAs(t, 0)
	return home
}

// actAs has this package take the process for that of another user.
func actAs(t *testing.T, uid int) {
	t.Helper()
	t.Cleanup(func() { geteuid = os.Geteuid })
	geteuid = func() int { return uid }
}

// Before, root made ~/.config, and then refused to use it: its user could not enter it
// any more, with whatever program.
func TestRootMakesNothingInAUsersHome(t *testing.T) {
	home := asRoot(t)
	config := filepath.Join(home, ".config")
	for _, prepare := range []func(string) error{PrepareDir, MakeDir} {
		err := prepare(filepath.Join(config, "game"))
		require.ErrorContains(t, err, "the directory "+home+" belongs to another user")
		require.NoDirExists(t, config)
	}
	assert.NoError(t, MakeDir(home+"/.."), "nothing has to be made")
}

// An earlier program may have been less careful, or the user has.
func TestWhatRootHasMadeIsNamed(t *testing.T) {
	dir := tempDir(t)
	config := makeDir(t, 0o700, dir, ".config")
	actAs(t, os.Geteuid()+1)
	err := explainDenied(filepath.Join(config, "game", "session.json"), &fs.PathError{Op: "open", Path: "session.json", Err: fs.ErrPermission})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "the directory "+config+" belongs to another user")
	require.ErrorContains(t, err, "chown it")

	file := filepath.Join(config, "key")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.ErrorContains(t, explainDenied(file, fs.ErrPermission), "the file "+file+" belongs to another user")
	assert.Equal(t, fs.ErrNotExist, explainDenied(file, fs.ErrNotExist))
	actAs(t, os.Geteuid())
	assert.Equal(t, fs.ErrPermission, explainDenied(file, fs.ErrPermission), "the owner is not what keeps its user out")
}
