package testprograms

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// executable makes a file that LookPath takes for a program, and returns its path.
func executable(t *testing.T, dir, name string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, nil, 0o755))
	return file
}

func TestAProgramIsFoundWhereTheTableSays(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	p := Program{
		Name: "server", Names: []string{"serverd"}, Env: "PASSPORT_TEST_SERVER",
		Places: []string{filepath.Join(dir, "lib/*/server")}, Packages: []string{"server-bin"}, For: "a test",
	}
	_, err := p.find()
	assert.EqualError(t, err, "server or serverd is missing, for a test: apt-get install server-bin, or set PASSPORT_TEST_SERVER to a program to use instead")

	executable(t, dir, "lib/14/server")
	want := executable(t, dir, "lib/15/server")
	found, err := p.find()
	require.NoError(t, err)
	assert.Equal(t, want, found, "the highest version")

	want = executable(t, dir, "serverd")
	found, err = p.find()
	require.NoError(t, err)
	assert.Equal(t, want, found, "what is in PATH comes first")

	want = executable(t, dir, "other")
	t.Setenv("PASSPORT_TEST_SERVER", "other")
	found, err = p.find()
	require.NoError(t, err)
	assert.Equal(t, want, found, "what the environment names comes before all")
}

func TestFindKnowsOnlyTheTable(t *testing.T) {
	executable(t, t.TempDir(), "unknown")
	_, err := Find("unknown")
	assert.ErrorContains(t, err, "not in the table")
}

func TestMissingGoesByTheRecipe(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("PASSPORT_REDIS_SERVER", "no-such-server")
	names := func(programs []Program) (all []string) {
		for _, p := range programs {
			all = append(all, p.Name)
		}
		return all
	}
	assert.Contains(t, names(Missing("")), "redis-server")
	assert.NotContains(t, names(Missing("")), "mmdebstrap")
	assert.Equal(t, []string{"mmdebstrap"}, names(Missing("fresh")))
}

// What is to be installed and cannot be named would be looked for in vain.
func TestEveryRowSaysWhatItIsForAndWhatToInstall(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All {
		assert.NotEmpty(t, p.For, p.Name)
		assert.False(t, seen[p.Name], "%s has two rows", p.Name)
		assert.True(t, p.Name == "go" || len(p.Packages) > 0, "%s has no package", p.Name)
		seen[p.Name] = true
	}
}
