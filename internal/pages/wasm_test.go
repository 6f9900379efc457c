package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the initialiser of a variable calls is in every program, also in those that show
// no pages. With html/template a game in WebAssembly was 0.6 MB larger: templates call
// methods by name, so the linker keeps all of them.
func TestNoVariableNeedsTemplatesOrPatterns(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			if variables, ok := declaration.(*ast.GenDecl); ok && variables.Tok == token.VAR {
				ast.Inspect(variables, func(n ast.Node) bool {
					_, function := n.(*ast.FuncLit)
					assert.False(t, function, "%s: a variable is initialised by a function", entry.Name())
					selector, ok := n.(*ast.SelectorExpr)
					if ok {
						assert.NotContains(t, []string{"Must", "MustCompile"}, selector.Sel.Name, "%s", entry.Name())
					}
					return true
				})
			}
		}
	}
}
