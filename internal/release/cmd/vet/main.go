// Command vet does for another platform what go vet does for this one: it finds what
// does not compile there, and what is suspicious. GOOS and GOARCH name the platform:
//
//	GOOS=windows vet [-tests=false] ./... ./otel/...
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

	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/suite/vet"
	"golang.org/x/tools/go/packages"
)

func main() {
	tests := flag.Bool("tests", true, "look at the packages' tests, too")
	flag.Parse()
	debug.SetGCPercent(400) // it ends before it is worth tidying up
	problems, err := look("", os.Environ(), *tests, flag.Args()...)
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
func look(dir string, env []string, tests bool, patterns ...string) (problems []string, err error) {
	const source = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
		packages.NeedModule | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes
	loaded, err := packages.Load(&packages.Config{Mode: source, Dir: dir, Env: env, Tests: tests}, patterns...)
	if err != nil {
		return nil, err
	}
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
