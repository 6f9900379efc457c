package dom

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A js.Value whose getter throws ends the program, so the SDK has none of them
// outside this package and internal/js. Programs and tests may.
func TestNobodyElseHasJavaScriptValues(t *testing.T) {
	root := filepath.Join("..", "..")
	var users []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err != nil || entry.IsDir() && (rel == "examples" || rel == filepath.Join("internal", "browsertest") || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"syscall/js"` || strings.HasSuffix(spec.Path.Value, `/internal/js"`) {
				users = append(users, filepath.ToSlash(filepath.Dir(rel)))
			}
		}
		return nil
	}))
	require.NotEmpty(t, users)
	for _, user := range users {
		assert.Contains(t, []string{"internal/dom", "internal/js"}, user)
	}
}
