package release_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/release"
)

func TestAReleaseSetsTheVersionAndTagsEveryModule(t *testing.T) {
	r := newRepository(t)
	log, err := r.cut("v0.1.0")
	require.NoError(t, err)
	assert.Equal(t, "nested/v0.1.0\nv0.1.0\n", r.git("tag", "--list"))
	assert.Contains(t, r.read("nested/go.mod"), "require example.test/passport v0.1.0")
	assert.Contains(t, r.read("nested/go.mod"), "replace example.test/passport => ..")
	assert.Equal(t, "release v0.1.0\n", r.git("log", "-1", "--format=%s"))
	assert.Equal(t, r.git("rev-parse", "HEAD"), r.git("rev-parse", "nested/v0.1.0^{commit}"))
	assert.Contains(t, log, "git push --atomic origin main v0.1.0\n\tgit push --atomic origin nested/v0.1.0\n")
	assert.Regexp(t, `example\.test/passport/nested v0\.1\.0 h1:`, log)
}

func TestAReleaseIsRefused(t *testing.T) {
	for _, test := range []struct {
		name, says string
		version    string
		prepare    func(repository)
	}{
		{name: "that is no version", version: "0.1.0", says: "is not a version"},
		{
			name: "of a tree that is not clean", says: "not clean",
			prepare: func(r repository) { r.write("new.go", "package passport\n") },
		},
		{
			name: "of another branch", says: "not main",
			prepare: func(r repository) { r.git("switch", "--quiet", "--create", "side") },
		},
		{
			name: "of a commit that is not tested", says: "make test has not passed",
			prepare: func(r repository) { r.git("commit", "--quiet", "--allow-empty", "--message", "more") },
		},
		{name: "that CHANGELOG.md does not have", version: "v0.2.0", says: "no section ## [0.2.0]"},
		{
			name: "that is not the next", says: "not later than v0.1.0",
			prepare: func(r repository) { r.git("tag", "v0.1.0") },
		},
		{
			name: "in which a module does not build", says: "undefined: passport.Missing",
			prepare: func(r repository) {
				r.replace("nested/nested.go", "passport.New()", "passport.Missing()")
				r.commit()
			},
		},
		{
			name: "with a module that cannot be had without the tree", says: "replace directives",
			prepare: func(r repository) { // go install refuses what has a replace
				r.write("nested/cmd/tool/main.go", "package main\n\nfunc main() {}\n")
				r.commit()
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRepository(t)
			if test.prepare != nil {
				test.prepare(r)
			}
			tags := r.git("tag", "--list")
			version := test.version
			if version == "" {
				version = "v0.1.0"
			}
			_, err := r.cut(version)
			assert.ErrorContains(t, err, test.says)
			assert.Equal(t, tags, r.git("tag", "--list"))
			assert.NotEqual(t, "release v0.1.0\n", r.git("log", "-1", "--format=%s"))
		})
	}
}

// An exported name that changes is found, and CHANGELOG.md has to name it.
func TestWhatBreaksIsNamed(t *testing.T) {
	r := newRepository(t)
	_, err := r.cut("v0.1.0")
	require.NoError(t, err)
	r.replace("passport.go", "func (*Passport) At() int", "func (*Passport) WithPort() int")
	r.replace("nested/nested.go", "func Answer() int { return passport.New().At() }", "func Answer() int64 { return int64(passport.New().WithPort()) }")
	r.replace("internal/release/testdata/programs/use.go", "At()", "WithPort()")
	r.replace("CHANGELOG.md", "## [0.1.0]", "## [0.2.0] - 2026-12-01\n\n- `nested.Answer` returns an int64.\n\n## [0.1.0]")
	r.commit()

	_, err = r.cut("v0.2.0")
	require.ErrorContains(t, err, "does not name `Passport.At`")
	assert.NotContains(t, err.Error(), "nested.Answer")
	assert.NotContains(t, err.Error(), "internal")

	r.replace("CHANGELOG.md", "returns an int64.", "returns an int64.\n- `Passport.At` is now `Passport.WithPort`.")
	r.commit()
	_, err = r.cut("v0.2.0")
	require.NoError(t, err)
}

// In this repository, too: before the first tag there is nothing to compare.
func TestTheChangelogNamesWhatBreaks(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	w, err := release.Open(root)
	require.NoError(t, err)
	section, err := w.Changelog(release.Unreleased)
	require.NoError(t, err)
	changes, err := w.IncompatibleSinceLast(t.Context())
	require.NoError(t, err)
	assert.Empty(t, release.Unnamed(section, changes))
}

// The root changes what is internal, which the nested module has used.
func TestAnUpgradeThatBreaksIsFound(t *testing.T) {
	r := newRepository(t)
	r.replace("nested/nested.go", `"example.test/passport"`, `"example.test/passport/internal/answer"`)
	r.replace("nested/nested.go", "passport.New().At()", "answer.Answer()")
	dir := t.TempDir()
	w := r.open()
	outside := release.Outside{
		Proxy:    release.Proxy{Dir: filepath.Join(dir, "proxy")},
		Cache:    filepath.Join(dir, "cache"),
		Programs: w.Programs(),
	}
	pack(t, outside, w, before)
	r.replace("internal/answer/answer.go", "Answer", "Reply")
	r.replace("passport.go", "answer.Answer", "answer.Reply")
	r.replace("nested/nested.go", "answer.Answer", "answer.Reply")
	pack(t, outside, w, after)

	published := w.Published()
	require.Len(t, published, 2)
	for _, version := range []string{before, after} {
		require.NoError(t, outside.Try(t.Context(), version, published...))
	}
	err := outside.UpgradeRoot(t.Context(), before, after, published[0], published[1])
	assert.ErrorContains(t, err, "undefined: answer.Answer")
}

func TestEveryDependencyHasAReason(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	w, err := release.Open(root)
	require.NoError(t, err)
	required, err := w.Dependencies()
	require.NoError(t, err)
	table := dependencyTable(t, filepath.Join(root, "CONTRIBUTING.md"))
	assert.ElementsMatch(t, required, table, "the modules that go.mod files require, and those in the table of CONTRIBUTING.md")
}

func dependencyTable(t *testing.T, file string) []string {
	t.Helper()
	r := repository{t: t, root: filepath.Dir(file)}
	_, section, found := strings.Cut(r.read(filepath.Base(file)), "\n## Dependencies\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var modules []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		for i, part := range strings.Split(cells[1], "`") {
			if i%2 == 1 {
				modules = append(modules, part)
			}
		}
	}
	return modules
}
