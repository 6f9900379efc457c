package release

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Outsider is a module of somebody else's: outside the tree, with a module cache
// of its own and no network. It gets our modules from a Proxy, and all others from
// the module cache of this machine.
type Outsider struct {
	dir      string
	programs fs.FS
	env      []string
}

// Outside is what outsiders have in common.
type Outside struct {
	Proxy    Proxy
	Cache    string // a module cache that no tree uses
	Programs fs.FS  // Workspace.Programs; each has a function Check(context.Context) error
}

// NewModule makes an empty module in the directory dir.
func (o Outside) NewModule(ctx context.Context, dir string) (Outsider, error) {
	download, err := output(ctx, "", nil, "go", "env", "GOMODCACHE")
	if err != nil {
		return Outsider{}, err
	}
	others := "file://" + filepath.ToSlash(filepath.Join(strings.TrimSpace(download), "cache", "download"))
	env := append(os.Environ(),
		"GOWORK=off", "GOFLAGS=-mod=mod -modcacherw -trimpath -ldflags=-w", "GOTOOLCHAIN=local",
		"GOMODCACHE="+o.Cache, "GOPROXY="+o.Proxy.URL()+","+others,
		"GOPRIVATE=", "GONOPROXY=", "GONOSUMDB=", "GOSUMDB=off", "GOVCS=*:off",
	)
	mod := "module example.test/outsider\n\ngo 1.26.0\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		return Outsider{}, err
	}
	return Outsider{dir: dir, programs: o.Programs, env: env}, nil
}

// Go runs the go command.
func (o Outsider) Go(ctx context.Context, args ...string) (string, error) {
	return output(ctx, o.dir, o.env, "go", args...)
}

// Get adds modules in one version, or changes to it.
func (o Outsider) Get(ctx context.Context, version string, modules ...Module) error {
	args := []string{"get"}
	for _, m := range modules {
		args = append(args, m.Path+"@"+version)
	}
	_, err := o.Go(ctx, args...)
	return err
}

// Version returns the version of a module that the outsider has.
func (o Outsider) Version(ctx context.Context, m Module) (string, error) {
	version, err := o.Go(ctx, "list", "-m", "-f", "{{.Version}}", m.Path)
	return strings.TrimSpace(version), err
}

// Use builds, vets and runs a program that imports every package of the modules
// and calls their Check functions, and installs their commands.
func (o Outsider) Use(ctx context.Context, version string, modules ...Module) error {
	imports, commands, err := o.packages(ctx, modules)
	if err != nil {
		return err
	}
	if err := o.writeProgram(modules, imports); err != nil {
		return err
	}
	program := filepath.Join(o.dir, "program")
	for _, args := range [][]string{{"build", "-o", program, "."}, {"vet", "./..."}} {
		if _, err := o.Go(ctx, args...); err != nil {
			return err
		}
	}
	if _, err := output(ctx, o.dir, o.env, program); err != nil {
		return err
	}
	for _, command := range commands {
		if _, err := output(ctx, o.dir, append(o.env, "GOBIN="+o.dir), "go", "install", command+"@"+version); err != nil {
			return err
		}
	}
	return nil
}

// packages lists what the modules offer.
func (o Outsider) packages(ctx context.Context, modules []Module) (imports, commands []string, err error) {
	args := []string{"list", "-f", "{{.Name}} {{.Module.Path}} {{.ImportPath}}"}
	listed := map[string]bool{}
	for _, m := range modules {
		args = append(args, m.Path+"/...")
		listed[m.Path] = true
	}
	out, err := o.Go(ctx, args...)
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(out) {
		var name, mod, path string
		if _, err := fmt.Sscan(line, &name, &mod, &path); err != nil {
			return nil, nil, fmt.Errorf("go list: %q: %w", line, err)
		}
		switch {
		case !listed[mod] || !importable(path):
		case name == "main":
			commands = append(commands, path)
		default:
			imports = append(imports, path)
		}
	}
	return imports, commands, nil
}

func (o Outsider) writeProgram(modules []Module, imports []string) error {
	var header, body strings.Builder
	for i, m := range modules {
		program, err := fs.Sub(o.programs, m.Dir)
		if err != nil {
			return err
		}
		source, err := fs.ReadFile(program, "use.go")
		if err != nil {
			return fmt.Errorf("%s needs a program that uses it: %w", m.Path, err)
		}
		name := fmt.Sprintf("use%d", i)
		if err := os.MkdirAll(filepath.Join(o.dir, name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.dir, name, "use.go"), source, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&header, "\t%s %q\n", name, "example.test/outsider/"+name)
		fmt.Fprintf(&body, "\tcheck(%q, %s.Check)\n", m.Path, name)
	}
	for _, path := range imports {
		fmt.Fprintf(&header, "\t_ %q\n", path)
	}
	return os.WriteFile(filepath.Join(o.dir, "main.go"), []byte(fmt.Sprintf(mainProgram, header.String(), body.String())), 0o644)
}

const mainProgram = `package main

import (
	"context"
	"log"

%s)

func main() {
%s}

func check(module string, check func(context.Context) error) {
	if err := check(context.Background()); err != nil {
		log.Fatal(module, ": ", err)
	}
}
`
