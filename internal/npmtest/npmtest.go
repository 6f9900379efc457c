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
)

// installTime bounds an installation.
const installTime = 5 * time.Minute

// Install makes sure that dir/node_modules holds what dir/package-lock.json
// pins, byte for byte. It is for one test at a time, and needs npm, and a
// connection to its registry where that is not so yet. No package's install
// script is run.
func Install(t testing.TB, dir string) {
	t.Helper()
	if installed(t, dir) {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	out, err := npm.CombinedOutput()
	require.NoError(t, err, "install the package npm (apt-get install npm), and be online the first time\n%s", out)
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
