package passport_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheDocumentationNamesWhatExists: where a document names something of this SDK
// between backquotes, such as Config.Store or p.Login, it is exported.
func TestTheDocumentationNamesWhatExists(t *testing.T) {
	known := spoken(t)
	found := 0
	for _, document := range documents(t) {
		if document == "CHANGELOG.md" {
			continue // it names what earlier versions had
		}
		for _, name := range namesIn(read(t, document), known) {
			found++
			assert.True(t, known[name], "%s names %s, which does not exist", document, name)
		}
	}
	require.Greater(t, found, 100)
}

func TestANameThatDoesNotExistIsFound(t *testing.T) {
	known := spoken(t)
	unknown := func(markdown string) (names []string) {
		for _, name := range namesIn(markdown, known) {
			if !known[name] {
				names = append(names, name)
			}
		}
		return names
	}
	assert.Empty(t, unknown("`p.Login`, `passport.New(passport.Config{...})`, `session.Claims(ctx, &v)`, `Config.Discover`, `http.ServeMux`, `goth.User.Email`, p.Nothing"))
	assert.Equal(t, []string{"p.Nothing", "Config.Nothing", "native.Nothing", "Match.Nothing"},
		unknown("`p.Nothing`, `passport.Config.Nothing` and `native.Nothing(x)`\n```\n`p.InCode`\n```\n `storage.Match.Nothing`"))
}

// variables are what documents call a value of a type of the root or of passporttest.
var variables = map[string][]string{"p": {"Passport"}, "session": {"Session"}, "auth": {"AuthDomain", "Server"}}

// spoken returns every exported name as documents write it: with its package, with
// its type, or with a variable.
func spoken(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for dir := range packages(t) {
		if !isPublished(dir) || strings.Contains(dir, "/internal/") {
			continue
		}
		pkg := dir[strings.LastIndex(dir, "/")+1:]
		if dir == "." {
			pkg = "passport"
		}
		for _, name := range exported(t, dir, "linux/amd64") {
			typ, member, isMember := strings.Cut(name, ".")
			if !isMember {
				known[pkg+"."+name] = true
				continue
			}
			known[typ+"."+member] = true
			for variable, types := range variables {
				if slices.Contains(types, typ) {
					known[variable+"."+member] = true
				}
			}
			if pkg == "native" && typ == "Passport" {
				known["p."+member] = true
			}
		}
	}
	return known
}

var (
	fenced    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	inlined   = regexp.MustCompile("`[^`\n]+`")
	qualified = regexp.MustCompile(`(?:\b\w+\.)*\b\w+\.[A-Z]\w*`)
)

// namesIn are the qualified names between backquotes whose first part is one that
// this SDK has.
func namesIn(markdown string, known map[string]bool) []string {
	ours := map[string]bool{}
	for name := range known {
		first, _, _ := strings.Cut(name, ".")
		ours[first] = true
	}
	var names []string
	for _, code := range inlined.FindAllString(fenced.ReplaceAllString(markdown, ""), -1) {
		for _, name := range qualified.FindAllString(code, -1) {
			parts := strings.Split(name, ".")
			if len(parts) > 2 && !ours[parts[0]] {
				continue // somebody else's
			}
			last := parts[len(parts)-2] + "." + parts[len(parts)-1]
			if ours[parts[len(parts)-2]] {
				names = append(names, last)
			}
		}
	}
	return names
}
