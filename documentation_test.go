package passport_test

import (
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheDocumentationIsThatOfEveryPlatform: the package site and go doc show a
// package as it is on one platform, most often linux/amd64. What exists elsewhere
// only, nobody finds.
func TestTheDocumentationIsThatOfEveryPlatform(t *testing.T) {
	others := []string{"js/wasm", "windows/amd64", "darwin/arm64"}
	for dir := range packages(t) {
		if !isPublished(dir) {
			continue
		}
		onLinux := exported(t, dir, "linux/amd64")
		assert.NotEmpty(t, onLinux, "%s shows nothing on Linux", dir)
		for _, platform := range others {
			for _, name := range exported(t, dir, platform) {
				assert.Contains(t, onLinux, name, "%s: on %s alone, so the documentation does not show it", dir, platform)
			}
		}
	}
}

// isPublished reports whether others can import the package.
func isPublished(dir string) bool {
	first, _, _ := strings.Cut(dir, "/")
	return first != "internal" && first != "examples" && first != "cmd"
}

// exported returns what the documentation of a package lists on a platform: the
// exported names, those of fields and methods too.
func exported(t *testing.T, dir, platform string) []string {
	t.Helper()
	pkg := documentation(t, dir, platform)
	var names []string
	if pkg.Doc != "" {
		names = append(names, "the package comment")
	}
	for _, v := range slices.Concat(pkg.Consts, pkg.Vars) {
		names = append(names, v.Names...)
	}
	for _, f := range pkg.Funcs {
		names = append(names, f.Name)
	}
	for _, typ := range pkg.Types {
		names = append(names, typ.Name)
		for _, v := range slices.Concat(typ.Consts, typ.Vars) {
			names = append(names, v.Names...)
		}
		for _, f := range typ.Funcs {
			names = append(names, f.Name)
		}
		for _, m := range typ.Methods {
			names = append(names, typ.Name+"."+m.Name)
		}
		names = append(names, members(typ)...)
	}
	return names
}

// members are the exported fields of a struct and methods of an interface.
func members(typ *doc.Type) []string {
	var names []string
	ast.Inspect(typ.Decl, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok {
			for _, name := range field.Names {
				if name.IsExported() {
					names = append(names, typ.Name+"."+name.Name)
				}
			}
		}
		return true
	})
	return names
}

func documentation(t *testing.T, dir, platform string) *doc.Package {
	t.Helper()
	where := build.Default
	where.GOOS, where.GOARCH, _ = strings.Cut(platform, "/")
	where.CgoEnabled = false
	fset := token.NewFileSet()
	var files []*ast.File
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range names {
		matches, err := where.MatchFile(dir, filepath.Base(name))
		require.NoError(t, err)
		if !matches || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, module+"/"+dir)
	require.NoError(t, err)
	return pkg
}

func TestEveryPublishedPackageHasAnExample(t *testing.T) {
	for dir := range packages(t) {
		if isPublished(dir) && !strings.Contains(dir, "/internal/") {
			assert.NotEmpty(t, examples(t, dir), "%s has no Example", dir)
		}
	}
}

func examples(t *testing.T, dir string) []*doc.Example {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	return doc.Examples(files...)
}

// docComments are the comments that the documentation of a package shows, without
// those of fields.
func docComments(pkg *doc.Package) []string {
	texts := []string{pkg.Doc}
	for _, v := range slices.Concat(pkg.Consts, pkg.Vars) {
		texts = append(texts, v.Doc)
	}
	for _, f := range pkg.Funcs {
		texts = append(texts, f.Doc)
	}
	for _, typ := range pkg.Types {
		texts = append(texts, typ.Doc)
		for _, v := range slices.Concat(typ.Consts, typ.Vars) {
			texts = append(texts, v.Doc)
		}
		for _, f := range slices.Concat(typ.Funcs, typ.Methods) {
			texts = append(texts, f.Doc)
		}
	}
	return texts
}
