package release

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/exp/apidiff"
	"golang.org/x/tools/go/packages"
)

// Change is one that may break a program which imports the module.
type Change struct {
	Name   string // what CHANGELOG.md has to name: Passport.At, redis.New
	Detail string
}

func (c Change) String() string { return c.Name + ": " + c.Detail }

// Incompatible returns the incompatible changes of the exported names between two
// versions of the repository, in all modules that both publish.
func Incompatible(ctx context.Context, before, after Workspace) ([]Change, error) {
	var changes []Change
	for _, m := range before.Published() {
		old, err := api(ctx, before, m)
		if err != nil {
			return nil, err
		}
		now, err := api(ctx, after, m)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(old)) {
			changes = append(changes, compare(m, old[name], now[name])...)
		}
	}
	return changes, nil
}

// api returns the packages of a module that others can import.
func api(ctx context.Context, w Workspace, m Module) (map[string]*types.Package, error) {
	if _, err := os.Stat(w.dir(m)); os.IsNotExist(err) {
		return nil, nil // withdrawn
	}
	loaded, err := packages.Load(&packages.Config{
		Context: ctx,
		Mode:    packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps,
		Dir:     w.dir(m),
		Env:     append(os.Environ(), "GOWORK=off"),
	}, "./...")
	if err != nil {
		return nil, err
	}
	found := map[string]*types.Package{}
	for _, p := range loaded {
		for _, problem := range p.Errors {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.PkgPath, problem))
		}
		if p.Name != "main" && importable(p.PkgPath) {
			found[p.PkgPath] = p.Types
		}
	}
	return found, err
}

// importable reports whether a package is for others.
func importable(pkg string) bool {
	for part := range strings.SplitSeq(pkg, "/") {
		if part == "internal" || part == "examples" {
			return false
		}
	}
	return true
}

func compare(m Module, old, now *types.Package) []Change {
	if now == nil {
		return []Change{{Name: strings.TrimPrefix(old.Path(), path.Dir(m.Path)+"/"), Detail: "package removed"}}
	}
	var changes []Change
	for _, c := range apidiff.Changes(old, now).Changes {
		if !c.Compatible {
			changes = append(changes, change(old, c.Message))
		}
	}
	return changes
}

// change reads a message of apidiff, such as "(*Passport).At: removed". Names of
// the root's need no package in front of them: Passport.At.
func change(pkg *types.Package, message string) Change {
	name, detail, _ := strings.Cut(message, ": ")
	name = strings.NewReplacer("(*", "", "(", "", ")", "").Replace(name)
	name, _, _ = strings.Cut(name, ", ") // a method with where it comes from
	if pkg.Name() != "passport" {
		name = pkg.Name() + "." + name
	}
	return Change{Name: name, Detail: detail}
}
