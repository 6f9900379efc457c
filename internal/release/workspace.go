// Package release packs the modules of this repository as they will be published,
// uses them as somebody else's program would, and cuts releases.
package release

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Workspace is a copy of the repository.
type Workspace struct {
	Root    string
	Modules []Module // those that go.work lists
}

// Module is one of the repository's modules.
type Module struct {
	Path string // its import path
	Dir  string // relative to the root, with slashes; "." is the root
}

// Open reads go.work in the directory root and the go.mod files that it lists.
func Open(root string) (Workspace, error) {
	w := Workspace{Root: root}
	file := filepath.Join(root, "go.work")
	data, err := os.ReadFile(file)
	if err != nil {
		return w, err
	}
	work, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return w, err
	}
	for _, use := range work.Use {
		m := Module{Dir: path.Clean(use.Path)}
		mod, err := w.readMod(m)
		if err != nil {
			return w, err
		}
		m.Path = mod.Module.Mod.Path
		w.Modules = append(w.Modules, m)
	}
	return w, nil
}

// Published returns the modules that a release tags, the root first: all but those
// below internal, which nobody else can import, and the examples.
func (w Workspace) Published() []Module {
	var published []Module
	for _, m := range w.Modules {
		switch first, _, _ := strings.Cut(m.Dir, "/"); first {
		case "internal", "examples":
		case ".":
			published = append([]Module{m}, published...)
		default:
			published = append(published, m)
		}
	}
	return published
}

// own reports whether path is that of a module of the repository.
func (w Workspace) own(path string) bool {
	for _, m := range w.Modules {
		if m.Path == path {
			return true
		}
	}
	return false
}

// Tag returns the tag of a version: v1.2.3, or storage/redis/v1.2.3.
func (m Module) Tag(version string) string { return path.Join(m.Dir, version) }

func (w Workspace) dir(m Module) string { return filepath.Join(w.Root, filepath.FromSlash(m.Dir)) }

func (w Workspace) readMod(m Module) (*modfile.File, error) {
	file := filepath.Join(w.dir(m), "go.mod")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(file, data, nil)
}

// SetVersion has every module require version of the others. The modules of one
// commit are tested together and with no other, so they are released together.
func (w Workspace) SetVersion(version string) error {
	for _, m := range w.Modules {
		if err := w.setVersion(m, version); err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
	}
	return nil
}

func (w Workspace) setVersion(m Module, version string) error {
	mod, err := w.readMod(m)
	if err != nil {
		return err
	}
	for _, r := range mod.Require {
		if w.own(r.Mod.Path) {
			if err := mod.AddRequire(r.Mod.Path, version); err != nil {
				return err
			}
		}
	}
	data, err := mod.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir(m), "go.mod"), data, 0o644)
}

// Dependencies returns the modules of others that the modules require directly.
func (w Workspace) Dependencies() ([]string, error) {
	found := map[string]bool{}
	for _, m := range w.Modules {
		mod, err := w.readMod(m)
		if err != nil {
			return nil, err
		}
		for _, r := range mod.Require {
			if !r.Indirect && !w.own(r.Mod.Path) {
				found[r.Mod.Path] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
