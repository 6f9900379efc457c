package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is what a browser loads.
type program struct {
	wasm, zipped []byte
	support      []byte // wasm_exec.js, of the same version of Go
}

const gamePackage = "github.com/passport-go/passport/examples/wasm/game"

// compile makes the program as small as the go command can. It has to be run
// somewhere in this module.
func compile(ctx context.Context) (*program, error) {
	dir, err := os.MkdirTemp("", "passport-wasm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "game.wasm")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, gamePackage)
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("wasm: the game does not compile: %w\n%s", err, out)
	}
	p := &program{}
	if p.wasm, err = os.ReadFile(file); err != nil {
		return nil, err
	}
	if p.support, err = readSupport(ctx); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	zip, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := zip.Write(p.wasm); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	p.zipped = b.Bytes()
	return p, nil
}

func readSupport(ctx context.Context) ([]byte, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("wasm: go env GOROOT: %w", err)
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js"))
}

func (p *program) size() string {
	const mb = 1e6
	return fmt.Sprintf("%.1f MB of WebAssembly, %.1f MB on the way", float64(len(p.wasm))/mb, float64(len(p.zipped))/mb)
}
