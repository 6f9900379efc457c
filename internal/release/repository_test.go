package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/passport-go/passport/internal/release"
)

// repository is a small one, with a root and a nested module, on which make test
// has passed.
type repository struct {
	t    *testing.T
	root string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{t, t.TempDir()}
	archive, err := txtar.ParseFile("testdata/repository.txtar")
	require.NoError(t, err)
	for _, file := range archive.Files {
		r.write(file.Name, string(file.Data))
	}
	r.git("init", "--quiet", "--initial-branch=main")
	r.git("config", "user.name", "Maintainer")
	r.git("config", "user.email", "maintainer@example.test")
	r.commit()
	return r
}

func (r repository) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.root, filepath.FromSlash(name))
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o644))
}

func (r repository) read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(name)))
	require.NoError(r.t, err)
	return string(data)
}

func (r repository) replace(name, old, new string) {
	r.t.Helper()
	text := r.read(name)
	require.Contains(r.t, text, old)
	r.write(name, strings.Replace(text, old, new, 1))
}

// commit commits everything, and notes that make test has passed.
func (r repository) commit() {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message", "change")
	r.write(release.Stamp, r.git("rev-parse", "HEAD"))
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "git", args...)
	command.Dir = r.root
	out, err := command.CombinedOutput()
	require.NoError(r.t, err, "%s", out)
	return string(out)
}

func (r repository) cut(version string) (log string, err error) {
	var b strings.Builder
	err = release.Cut(r.t.Context(), r.root, version, &b)
	return b.String(), err
}

func (r repository) open() release.Workspace {
	r.t.Helper()
	w, err := release.Open(r.root)
	require.NoError(r.t, err)
	return w
}
