package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// program has one fault on each of three platforms, and one in its test.
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

func TestWhatIsWrongOnAPlatformIsFound(t *testing.T) {
	dir := write(t)
	for _, of := range []struct {
		goos, goarch string
		tests        bool
		want         string // none if it is empty
	}{
		{"linux", "amd64", true, ""},
		{"windows", "amd64", true, `use_windows\.go:5:\d+: .*Report format %d has arg "a word" of wrong type string`},
		{"darwin", "arm64", true, `use_darwin\.go:5:\d+: undefined: syscall\.NoSuchThing`},
		{"plan9", "amd64", true, `use_plan9_test\.go:5:\d+: .*Errorf format %d has arg "a word" of wrong type string`},
		{"plan9", "amd64", false, ""},
	} {
		t.Run(of.goos, func(t *testing.T) {
			env := append(os.Environ(), "GOWORK=off", "GOOS="+of.goos, "GOARCH="+of.goarch, "CGO_ENABLED=0")
			problems, err := look(dir, env, of.tests, "./...")
			require.NoError(t, err)
			if of.want == "" {
				assert.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			assert.Regexp(t, of.want, problems[0])
		})
	}
}

func TestPackagesThatAreNotThereAreAnError(t *testing.T) {
	env := append(os.Environ(), "GOWORK=off")
	problems, err := look(write(t), env, true, "./nothing/...")
	assert.True(t, err != nil || len(problems) > 0, "nothing was looked at")
}
