package release

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/semver"
)

// Programs are those in the tree that use the modules: for each a directory named
// as the module's own, with a file use.go.
func (w Workspace) Programs() fs.FS {
	return os.DirFS(filepath.Join(w.Root, "internal", "release", "testdata", "programs"))
}

// Try has an outsider use modules in one program, with nothing but what they bring
// along.
func (o Outside) Try(ctx context.Context, version string, modules ...Module) error {
	return o.try(ctx, func(user Outsider) error {
		if err := user.Get(ctx, version, modules...); err != nil {
			return err
		}
		return user.Use(ctx, version, modules...)
	})
}

// UpgradeRoot has an outsider use nested modules of one version with the root of a
// later one.
func (o Outside) UpgradeRoot(ctx context.Context, from, to string, root Module, nested ...Module) error {
	return o.try(ctx, func(user Outsider) error {
		if err := user.Get(ctx, from, nested...); err != nil {
			return err
		}
		if err := user.Get(ctx, to, root); err != nil {
			return err
		}
		for _, m := range nested {
			if err := user.has(ctx, m, from); err != nil {
				return err
			}
		}
		return user.Use(ctx, from, nested...)
	})
}

// UpgradeNested has an outsider who uses the root of one version add nested modules
// of a later one: the root must come along as far as each of them needs it.
func (o Outside) UpgradeNested(ctx context.Context, from, to string, root Module, nested ...Module) error {
	return o.try(ctx, func(user Outsider) error {
		for _, m := range nested {
			if err := user.Get(ctx, from, root); err != nil {
				return err
			}
			if err := user.Get(ctx, to, m); err != nil {
				return err
			}
			if err := user.has(ctx, root, to); err != nil {
				return fmt.Errorf("with %s: %w", m.Path, err)
			}
		}
		if err := user.Get(ctx, to, nested...); err != nil { // getting the old root has put them back
			return err
		}
		return user.Use(ctx, to, nested...)
	})
}

func (o Outside) try(ctx context.Context, do func(Outsider) error) error {
	dir, err := os.MkdirTemp("", "outsider")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	user, err := o.NewModule(ctx, dir)
	if err != nil {
		return err
	}
	return do(user)
}

// has returns an error unless the outsider has m in a version, or a later one.
func (o Outsider) has(ctx context.Context, m Module, least string) error {
	version, err := o.Version(ctx, m)
	if err == nil && semver.Compare(version, least) < 0 {
		err = fmt.Errorf("the outsider has %s %s instead of %s", m.Path, version, least)
	}
	return err
}
