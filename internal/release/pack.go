package release

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// Proxy is a directory that the go command can use as a module proxy.
type Proxy struct{ Dir string }

// URL is for GOPROXY.
func (p Proxy) URL() string { return "file://" + filepath.ToSlash(p.Dir) }

// Add packs the published modules of w under version, as a proxy does that finds
// their tags, and returns the hash of each, which go.sum files have.
func (p Proxy) Add(w Workspace, version string) (map[string]string, error) {
	hashes := map[string]string{}
	for _, m := range w.Published() {
		hash, err := p.add(w, m, version)
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", m.Path, err)
		}
		hashes[m.Path] = hash
	}
	return hashes, nil
}

func (p Proxy) add(w Workspace, m Module, version string) (hash string, err error) {
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(p.Dir, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	archive := filepath.Join(dir, version+".zip")
	if err := pack(w, m, version, archive); err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(w.dir(m), "go.mod"))
	if err != nil {
		return "", err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return "", err
	}
	for name, data := range map[string][]byte{version + ".mod": mod, version + ".info": info} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", err
		}
	}
	if err := list(filepath.Join(dir, "list"), version); err != nil {
		return "", err
	}
	return dirhash.HashZip(archive, dirhash.Hash1)
}

// pack makes the zip file of a module. As the go command does, it gives a module
// that has no LICENSE the one of the repository.
func pack(w Workspace, m Module, version, archive string) error {
	license := filepath.Join(w.dir(m), "LICENSE")
	if _, err := os.Stat(license); os.IsNotExist(err) {
		if err := copyFile(filepath.Join(w.Root, "LICENSE"), license); err != nil {
			return err
		}
	}
	file, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := zip.CreateFromDir(file, module.Version{Path: m.Path, Version: version}, w.dir(m)); err != nil {
		return err
	}
	return file.Close()
}

// list adds a version to those that the proxy has.
func list(name, version string) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, version); err != nil {
		return err
	}
	return file.Close()
}
