package passport_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// floors are the files of the root, from the ground up. A file takes names from its own
// floor and from those below it, so that a reader who follows a call goes down.
var floors = [][]string{
	{"errors.go", "event.go", "outcome.go", "browserstate.go", "config.go"},
	{"config_check.go", "tokens.go"},
	{"passport.go"},
	{"session.go"},
	{"bearer.go", "revocation.go"},
	{"session_end.go"},
	{"session_lookup.go"},
	{"refresh.go"},
	{"login_overtaken.go", "logout_visit.go"},
	{"logout.go"},
	{"logout_token.go", "sessions.go"},
	{"signin.go"},
	{"login.go", "device.go"},

	// The driver for net/http.
	{"http_browser.go"},
	{"http_answer.go"},
	{"http_login.go", "http_logout.go", "http_session.go", "http_bearer.go"},

	// It puts everything together.
	{"new.go"},
}

// upward are the names that are taken from above, each for a reason.
var upward = map[string]string{
	"config.go ErrorHandler":  "a field of Config, of net/http's types, which stand in http_*.go alone",
	"config.go RequestFilter": "the same",
	"config.go SignInAttempt": "a field of Config, beside the verb that calls it",
	"passport.go httpDriver":  "what the handlers know is part of a Passport",
	"session.go unreadable":   "a Session reads and writes its record as look-ups do",
	"session.go update":       "the same",
}

func TestARootFileTakesNamesFromBelow(t *testing.T) {
	used := map[string]bool{}
	uses := rootUses(t)
	for _, u := range uses {
		from, to := floorOf(u.file), floorOf(u.definedIn)
		if !assert.GreaterOrEqual(t, from, 0, "%s: give it a floor", u.file) || to <= from {
			continue
		}
		key := u.file + " " + u.name
		used[key] = true
		assert.Contains(t, upward, key, "%s takes %s from %s, which is above it", u.file, u.name, u.definedIn)
	}
	require.Greater(t, len(uses), 300)
	for key := range upward {
		assert.True(t, used[key], "%s: is not taken any more", key)
	}
}

func floorOf(file string) int {
	return slices.IndexFunc(floors, func(files []string) bool { return slices.Contains(files, file) })
}

// use is a name of this package that a file takes from another.
type use struct{ file, name, definedIn string }

// rootUses reads the syntax tree. What is imported is left unresolved: it has no file
// here.
func rootUses(t *testing.T) []use {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || name == "doc.go" {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Error: func(error) {}, Importer: nobody{}}
	_, _ = config.Check("passport", set, files, &info)
	var found []use
	for id, object := range info.Uses {
		if v, ok := object.(*types.Var); ok && v.IsField() || object.Pkg() == nil || object.Pkg().Path() != "passport" || !object.Pos().IsValid() {
			continue
		}
		if _, local := object.(*types.PkgName); local {
			continue
		}
		u := use{set.Position(id.Pos()).Filename, object.Name(), set.Position(object.Pos()).Filename}
		if u.file != u.definedIn && !slices.Contains(found, u) {
			found = append(found, u)
		}
	}
	return found
}

// nobody imports nothing.
type nobody struct{}

func (nobody) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}
