// Package citest compares what .github says about this repository with what is in
// it. What the workflows mean is actionlint's to check (make lint).
package citest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const top = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// modules are the directories that go.work lists, from the top.
func modules(t *testing.T) (dirs []string) {
	t.Helper()
	for _, use := range regexp.MustCompile(`(?m)^\t(\.\S*)$`).FindAllStringSubmatch(read(t, "go.work"), -1) {
		dirs = append(dirs, path.Clean(use[1]))
	}
	require.Greater(t, len(dirs), 5)
	return dirs
}

// updates returns the directories that dependabot looks at for one ecosystem.
func updates(t *testing.T, ecosystem string) (dirs []string) {
	t.Helper()
	_, after, found := strings.Cut(read(t, ".github/dependabot.yml"), "package-ecosystem: "+ecosystem+"\n")
	require.True(t, found, ecosystem)
	section, _, _ := strings.Cut(after, "schedule:")
	for _, dir := range regexp.MustCompile(`(?m)^ +- (/\S*)$`).FindAllStringSubmatch(section, -1) {
		dirs = append(dirs, path.Clean("."+dir[1]))
	}
	return dirs
}

func TestDependabotLooksAtEveryModule(t *testing.T) {
	assert.ElementsMatch(t, modules(t), updates(t, "gomod"))
}

func TestDependabotLooksAtEveryPackageLock(t *testing.T) {
	var locks []string
	err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && file != top && (name == "node_modules" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if entry.Name() == "package-lock.json" {
			dir, err := filepath.Rel(top, filepath.Dir(file))
			locks = append(locks, filepath.ToSlash(dir))
			return err
		}
		return nil
	})
	require.NoError(t, err)
	assert.ElementsMatch(t, locks, updates(t, "npm"))
}

// The workflows run the oldest Go that a module allows, so a module that allows
// an older one, or wants a newer one, is not what they test.
func TestTheWorkflowsRunTheOldestGoThatTheModulesAllow(t *testing.T) {
	directive := regexp.MustCompile(`(?m)^go (\S+)$`)
	oldest := directive.FindStringSubmatch(read(t, "go.mod"))
	require.NotNil(t, oldest)
	for _, dir := range modules(t) {
		assert.Equal(t, oldest, directive.FindStringSubmatch(read(t, dir+"/go.mod")), dir)
	}
	matrices := regexp.MustCompile(`(?m)^ +go: (.*)$`).FindAllStringSubmatch(read(t, ".github/workflows/test.yml"), -1)
	assert.Len(t, matrices, 2)
	for _, m := range matrices {
		assert.Equal(t, "['"+oldest[1]+"', stable]", m[1])
	}
}

// In a container the checkout belongs to another user, whose repository git does not read:
// go then cannot stamp what it builds, and .ci/stamp does not know the commit.
func TestGitReadsTheCheckoutInEveryContainer(t *testing.T) {
	for _, workflow := range []string{"test.yml", "soak.yml"} {
		text := read(t, ".github/workflows/"+workflow)
		containers := strings.Count(text, "\n    container:")
		require.NotZero(t, containers, workflow)
		assert.Equal(t, containers, strings.Count(text, `git config --global --add safe.directory "$GITHUB_WORKSPACE"`), workflow)
	}
}

// A test that hangs is ended by go, which says where it was, and not by the job's end.
func TestALongCountEndsBeforeItsJob(t *testing.T) {
	soak, makefile := read(t, ".github/workflows/soak.yml"), read(t, "Makefile")
	job := regexp.MustCompile(`timeout-minutes: (\d+)`).FindStringSubmatch(soak)
	limit := regexp.MustCompile(`LIMIT=(\S+)`).FindStringSubmatch(soak)
	targets := regexp.MustCompile(`target: \[(.*)\]`).FindStringSubmatch(soak)
	require.True(t, job != nil && limit != nil && targets != nil)
	minutes, err := strconv.Atoi(job[1])
	require.NoError(t, err)
	most, err := time.ParseDuration(limit[1])
	require.NoError(t, err)
	assert.LessOrEqual(t, most+30*time.Minute, time.Duration(minutes)*time.Minute, "half an hour is for what comes before")
	for _, target := range strings.Split(targets[1], ", ") {
		recipe := regexp.MustCompile(`(?m)^` + target + `:( [^=\n]*)?\n((?:\t.*\n)+)`).FindStringSubmatch(makefile)
		require.NotNil(t, recipe, target)
		assert.LessOrEqual(t, strings.Count(recipe[2], "-timeout"), 1, "%s: a limit for each would add up", target)
		for _, own := range regexp.MustCompile(`-timeout (\S+)`).FindAllStringSubmatch(recipe[2], -1) {
			if d, err := time.ParseDuration(own[1]); own[1] != "$(LIMIT)" {
				require.NoError(t, err, target)
				assert.LessOrEqual(t, d, most, target)
			}
		}
	}
}
