// Command missing prints the Debian packages of the programs that are not found,
// on one line. Its argument is a target of the Makefile that needs more programs
// than make test does.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/testprograms"
)

func main() {
	missing := testprograms.Missing("")
	for _, recipe := range os.Args[1:] {
		if !slices.ContainsFunc(testprograms.All, func(p testprograms.Program) bool { return p.Recipe == recipe }) {
			fmt.Fprintf(os.Stderr, "missing: no program is for the target %q\n", recipe)
			os.Exit(2)
		}
		missing = append(missing, testprograms.Missing(recipe)...)
	}
	var packages []string
	for _, p := range missing {
		fmt.Fprintf(os.Stderr, "%s is missing, for %s\n", p.Name, p.For)
		packages = append(packages, p.Packages...)
	}
	slices.Sort(packages)
	fmt.Println(strings.Join(slices.Compact(packages), " "))
}
