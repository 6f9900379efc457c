package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

const page = "../../../../docs/doctor.md"

var rowID = regexp.MustCompile("(?m)^\\| `([a-z-]+\\.[a-z-]+)` \\|")

// The page has a row for each finding, with its words and in the order of the code:
// those of the catalogue, and then those of the stores.
func TestThePageHasEveryFinding(t *testing.T) {
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	all := slices.Clone(Catalogue)
	for _, store := range []string{"redis", "postgres", "bolt"} {
		all = append(all, findingsIn(t, "../../../../storage/"+store+"/inspect.go")...)
	}
	var want, got []string
	for _, f := range all {
		want = append(want, f.ID)
		row := "| `" + f.ID + "` | " + string(f.Severity) + " | " + f.Why + " | " + f.Remedy + " |\n"
		assert.True(t, strings.Contains(string(content), row), "no row: %s", row)
	}
	for _, m := range rowID.FindAllStringSubmatch(string(content), -1) {
		got = append(got, m[1])
	}
	assert.Equal(t, want, got)
}

// findingsIn reads the findings that a store of another module declares.
func findingsIn(t *testing.T, file string) (all []Finding) {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(syntax, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		fields := map[string]string{}
		for _, element := range literal.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			switch value := pair.Value.(type) {
			case *ast.BasicLit:
				fields[pair.Key.(*ast.Ident).Name], _ = strconv.Unquote(value.Value)
			case *ast.SelectorExpr:
				fields[pair.Key.(*ast.Ident).Name] = strings.ToLower(value.Sel.Name)
			}
		}
		if fields["ID"] != "" {
			all = append(all, Finding{ID: fields["ID"], Severity: storage.Severity(fields["Severity"]), Why: fields["Why"], Remedy: fields["Remedy"]})
		}
		return true
	})
	require.NotEmpty(t, all, file)
	return all
}

// Each finding is one that a test has found.
func TestEveryFindingIsFoundByATest(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var tests strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		tests.Write(content)
	}
	seen := map[string]bool{}
	for _, f := range Catalogue {
		assert.True(t, strings.Contains(tests.String(), `"`+f.ID+`"`), "no test finds %s", f.ID)
		assert.False(t, seen[f.ID], "%s is there twice", f.ID)
		seen[f.ID] = true
		assert.Contains(t, []storage.Severity{Problem, Warning, Note}, f.Severity, f.ID)
		assert.NotContains(t, f.Why+f.Remedy, "|", "%s: a row of a table", f.ID)
	}
}
