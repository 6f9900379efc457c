package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// program has a fault on each of three platforms, on one of them in a test.
const program = `
-- go.mod --
module example.test/program

go 1.26.0
-- report.go --
package program

import "fmt"

// Report is a wrapper that the check of formats has to know.
func Report(format string, args ...any) string { return fmt.Sprintf(format, args...) }
-- use/use_windows.go --
package use

import "example.test/program"

var _ = program.Report("%d", "a word")
-- use/use_darwin.go --
package use

import "syscall"

var _ = syscall.NoSuchThing
-- use/use.go --
package use
-- use/use_plan9_test.go --
package use

import "testing"

func TestUse(t *testing.T) { t.Errorf("%d", "a word") }
`

func write(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, file := range txtar.Parse([]byte(program)).Files {
		name := filepath.Join(dir, filepath.FromSlash(file.Name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, file.Data, 0o644))
	}
	return dir
}

// build compiles the command, without the race detector, which would make it five times
// slower.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "vet")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

func TestWhatIsWrongOnAPlatformIsFound(t *testing.T) {
	program, dir := build(t), write(t)
	for _, of := range []struct {
		goos, goarch string
		args         []string
		want         string // all is well if it is empty
	}{
		{"windows", "amd64", []string{"./..."}, `^\S*use_windows\.go:5:\d+: .*Report format %d has arg "a word" of wrong type string\n$`},
		{"darwin", "arm64", []string{"./..."}, `^\S*use_darwin\.go:5:\d+: undefined: syscall\.NoSuchThing\n$`},
		{"plan9", "amd64", []string{"./..."}, `^\S*use_plan9_test\.go:5:\d+: .*Errorf format %d has arg "a word" of wrong type string\n$`},
		{"plan9", "amd64", []string{"-untested", "example.test/program/use", "./..."}, ""},
		{"plan9", "amd64", []string{"./nothing/..."}, `pattern \./nothing/\.\.\.`},
	} {
		t.Run(of.goos, func(t *testing.T) {
			vet := exec.CommandContext(t.Context(), program, of.args...)
			vet.Dir = dir
			vet.Env = append(os.Environ(), "GOWORK=off", "GOOS="+of.goos, "GOARCH="+of.goarch, "CGO_ENABLED=0")
			out, err := vet.CombinedOutput()
			assert.Equal(t, of.want != "", err != nil)
			assert.Regexp(t, of.want, string(out))
			assert.Equal(t, of.want == "", len(out) == 0)
		})
	}
}
