package passport_test

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoModuleImportsTheInternalsOfAnother: a program may have storage/bolt of one
// release and the root of the next. What is internal changes without notice, so
// that pair must not depend on it. Tests are published, too.
func TestNoModuleImportsTheInternalsOfAnother(t *testing.T) {
	for _, source := range sources(t) {
		owner := moduleOf(t, source.dir)
		if !isPublished(owner) {
			continue
		}
		for _, name := range source.imports {
			dir, ours := strings.CutPrefix(name, module+"/")
			if !ours || !slices.Contains(strings.Split(dir, "/"), "internal") {
				continue
			}
			assert.Equal(t, owner, moduleOf(t, dir), "%s imports %s: copy a few lines, publish a contract, or merge what belongs together",
				source.file, name)
		}
	}
}

// moduleOf returns the directory of the module that a directory belongs to.
func moduleOf(t *testing.T, dir string) string {
	t.Helper()
	for ; dir != "."; dir = path.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	return "."
}

// copies are packages that a module has its own copy of. Where the original
// changes, so does the copy.
var copies = map[string]string{
	"storage/bolt/internal/privatefile": "internal/privatefile",
}

func TestCopiesAreLikeTheirOriginals(t *testing.T) {
	for to, from := range copies {
		assert.True(t, maps.Equal(code(t, from), code(t, to)), "%s is no longer like %s: copy its files again, without the tests", to, from)
	}
}

// code returns the files of a package without its tests.
func code(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, names, dir)
	files := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		files[filepath.Base(name)] = string(data)
	}
	return files
}
