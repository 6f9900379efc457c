// Command vet does for another platform what go vet does for this one: it finds what
// does not compile there, and what is suspicious. GOOS and GOARCH name the platform:
//
//	GOOS=windows vet [-untested example.com/a,example.com/b] ./... ./otel/...
//
// The packages below the paths in -untested have tests that are for other platforms.
//
// go vet compiles what it looks at, and all that it imports, which no other step needs
// for a foreign platform. This command reads their source instead, in a third of the
// time, and in a tenth where nothing has been compiled yet.
package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/suite/vet"
	"golang.org/x/tools/go/packages"
)

func main() {
	untested := flag.String("untested", "", "import paths, with commas between them, below which tests are left out")
	flag.Parse()
	debug.SetGCPercent(400) // it ends before it is worth tidying up
	problems, err := look("", os.Environ(), strings.Split(*untested, ","), flag.Args()...)
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, p)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vet:", err)
	}
	if err != nil || len(problems) > 0 {
		os.Exit(1)
	}
}

// look returns what is wrong with the packages that the patterns name in dir, with
// where it is.
func look(dir string, env, untested []string, patterns ...string) (problems []string, err error) {
	const source = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
		packages.NeedModule | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedForTest
	loaded, err := packages.Load(&packages.Config{Mode: source, Dir: dir, Env: env, Tests: true}, patterns...)
	if err != nil {
		return nil, err
	}
	loaded = slices.DeleteFunc(loaded, func(p *packages.Package) bool { return isTestBelow(p, untested) })
	if len(loaded) == 0 {
		return nil, errors.New("there are no such packages")
	}
	found := map[string]bool{} // once, though the tests of a package contain it
	packages.Visit(loaded, nil, func(p *packages.Package) {
		for _, problem := range p.Errors {
			found[problem.Error()] = true
		}
	})
	if len(found) == 0 {
		err = analyze(loaded, found)
	}
	return slices.Sorted(maps.Keys(found)), err
}

// isTestBelow reports whether p is the test of a package below one of the paths, or the
// program that go test makes of it.
func isTestBelow(p *packages.Package, paths []string) bool {
	program, isProgram := strings.CutSuffix(p.PkgPath, ".test")
	return slices.ContainsFunc(paths, func(path string) bool {
		return path != "" && (below(p.ForTest, path) || isProgram && below(program, path))
	})
}

func below(pkg, path string) bool { return pkg == path || strings.HasPrefix(pkg, path+"/") }

// analyze adds what the checks of go vet find in packages that compile.
func analyze(loaded []*packages.Package, found map[string]bool) error {
	graph, err := checker.Analyze(vet.Suite, loaded, nil)
	if err != nil {
		return err
	}
	for _, action := range graph.Roots {
		if action.Err != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", action, action.Err))
		}
		for _, d := range action.Diagnostics {
			found[fmt.Sprintf("%s: %s", action.Package.Fset.Position(d.Pos), d.Message)] = true
		}
	}
	return err
}
