package testprograms_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/testprograms"
)

// These stand for programs that need no installation.
const (
	itself   = "the test binary, again"
	compiled = "what the test has compiled"
	users    = "the user's, which tests replace"
)

// computed has the files in which an expression says what to start, and what that
// can be.
var computed = map[string][]string{
	"examples/api/sdk.go":                           {"npm"},
	"examples/cli/cli_test.go":                      {itself},
	"examples/cluster/redis.go":                     {"redis-server"},
	"examples/proxy/nginx.go":                       {"nginx"},
	"internal/bench/server_test.go":                 {itself},
	"internal/browsertest/chromium.go":              {"chromium", "chromium-headless-shell"},
	"internal/browsertest/process.go":               {"firefox-esr", "WebKitWebDriver", "Xvfb"},
	"internal/browsertest/gametest/example_test.go": {compiled},
	"internal/browsertest/spatest/spa_test.go":      {compiled},
	"internal/npmtest/npmtest.go":                   {"npm", "node"},
	"internal/npmtest/npmtest_test.go":              {"node"},
	"internal/optest/hydra_test.go":                 {"go", compiled},
	"internal/optest/oidcprovider_test.go":          {"node"},
	"internal/processtest/child_test.go":            {itself},
	"internal/redistest/redistest.go":               {"redis-server"},
	"internal/release/cmd/vet/main_test.go":         {compiled},
	"internal/release/snapshot.go":                  {"git", "go", compiled},
	"internal/testprograms/programs.go":             {},
	"native/browser.go":                             {users},
	"native/browserenv.go":                          {users},
	"storage/bolt/child_test.go":                    {itself},
	"storage/file/process_test.go":                  {itself},
	"storage/keyring/exit_test.go":                  {itself},
	"storage/keyring/locked_linux_test.go":          {itself},
	"storage/keyring/secretservice_linux_test.go":   {"dbus-run-session", "gnome-keyring-daemon"},
	"storage/postgres/pgbouncer_test.go":            {"pgbouncer"},
	"storage/postgres/postgrestest/server.go":       {"initdb", "postgres"},
	"storage/redis/server_test.go":                  {"redis-server"},
}

// starters are the functions that start a program or look for one, by the import
// path of their package, with the position of the argument that names it.
var starters = map[string]map[string]int{
	"os/exec":                      {"Command": 0, "CommandContext": 1, "LookPath": 0},
	"os":                           {"StartProcess": 0},
	"syscall":                      {"ForkExec": 0, "StartProcess": 0, "Exec": 0},
	"golang.org/x/sys/unix":        {"Exec": 0},
	"github.com/chromedp/chromedp": {"ExecPath": 0},
	"github.com/passport-go/passport/internal/testprograms": {"Find": 0},
}

func TestEveryProgramThatIsStartedIsInTheTable(t *testing.T) {
	visited := map[string]bool{}
	for name, file := range sources(t) {
		for _, problem := range problems(name, file) {
			assert.Fail(t, problem)
		}
		visited[name] = true
	}
	for name, programs := range computed {
		assert.True(t, visited[name], "%s is not there any more: remove it from computed", name)
		for _, program := range programs {
			assert.True(t, program == itself || program == compiled || program == users || inTable(program),
				"%s starts %s: add it to the table in programs.go", name, program)
		}
	}
}

func TestAProgramThatIsNotInTheTableIsFound(t *testing.T) {
	for source, want := range map[string]string{
		`import "os/exec"; var _ = exec.Command("memcached", "-p", "0")`:            "memcached",
		`import "os/exec"; var _, _ = exec.LookPath("/usr/sbin/haproxy")`:           "haproxy",
		`import run "os/exec"; var _ = run.CommandContext(nil, "memcached")`:        "memcached",
		`import "os/exec"; var _ = exec.Command(choose())`:                          "computed",
		`import "os/exec"; var _ = &exec.Cmd{Path: "/usr/bin/env"}`:                 "computed",
		`import "os"; var _, _ = os.StartProcess("/bin/sh", nil, nil)`:              "sh",
		`import "github.com/chromedp/chromedp"; var _ = chromedp.ExecPath("opera")`: "opera",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x_test.go", "package x; "+source, 0)
		require.NoError(t, err)
		found := problems("x_test.go", file)
		require.Len(t, found, 1, source)
		assert.Contains(t, found[0], want)
	}
}

// problems says which programs a file starts that are not in the table.
func problems(name string, file *ast.File) (found []string) {
	for program := range starts(file) {
		_, known := computed[name]
		switch {
		case program == "" && !known:
			found = append(found, name+" starts what an expression says: add the file to computed in this test, with the programs")
		case program != "" && !inTable(program):
			found = append(found, fmt.Sprintf("%s starts %s: add it to the table in programs.go", name, program))
		}
	}
	return found
}

// starts yields the programs that a file names, "" for what it computes.
func starts(file *ast.File) func(yield func(string) bool) {
	imported := imports(file)
	return func(yield func(string) bool) {
		more := true
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				pkg, function := qualified(imported, n.Fun)
				if at, ok := starters[pkg][function]; ok && at < len(n.Args) {
					more = more && yield(literal(n.Args[at]))
				}
			case *ast.CompositeLit:
				if pkg, kind := qualified(imported, n.Type); pkg == "os/exec" && kind == "Cmd" {
					more = more && yield("")
				}
			}
			return more
		})
	}
}

// imports maps the names by which a file knows packages to their paths.
func imports(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	return names
}

func qualified(imported map[string]string, e ast.Expr) (pkg, name string) {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if x, ok := selector.X.(*ast.Ident); ok {
		return imported[x.Name], selector.Sel.Name
	}
	return "", ""
}

func literal(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		value, _ := strconv.Unquote(lit.Value)
		return path.Base(value)
	}
	return ""
}

func inTable(program string) bool {
	return slices.ContainsFunc(testprograms.All, func(p testprograms.Program) bool {
		return p.Name == program || slices.Contains(p.Names, program)
	})
}

// sources returns every Go file of the repository, by its path from the top.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	const top = "../.."
	files := map[string]*ast.File{}
	err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && file != top && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "tmp") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, file)
		files[filepath.ToSlash(name)] = syntax
		return err
	})
	require.NoError(t, err)
	return files
}
