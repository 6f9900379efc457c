package passport_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheDocumentationQuotesCodeThatIsCompiled: each block of Go in a document stands
// in a file of Go in this tree, where it is compiled and, most often, run by a test.
// Blocks of the other languages in quoted stand in such files too. A line with
// nothing but ... leaves something out.
func TestTheDocumentationQuotesCodeThatIsCompiled(t *testing.T) {
	files := quotable(t)
	found := 0
	for _, document := range documents(t) {
		if document == "CHANGELOG.md" {
			continue // it shows code of earlier versions
		}
		for _, b := range blocksIn(read(t, document)) {
			found++
			assert.True(t, isQuote(b, files), "%s: this block is in no file of the tree: put it into an Example, a test or an "+
				"example program (internal/guidetest has those of docs/), and quote it as it stands there\n%s", document, b.text)
		}
	}
	require.Greater(t, found, 5)
}

func TestABlockThatNobodyCompilesIsFound(t *testing.T) {
	files := map[string][]string{".go": {normal("package x\n\nfunc ExampleNew() {\n\tf(func() {\n\t\tg()\n\n\t\th()\n\t})\n}\n")}}
	for text, quoted := range map[string]bool{
		"g()\nh()":                 true,
		"f(func() {\n\tg()\n\th()": true,
		"f(func() {\n...\nh()":     true,
		"func main() {\n\tf(":      false, // a part of a line
		"func main() {\n...\nh()":  true,  // an Example is a program
		"h()\n...\ng()":            false,
		"g()\ni()":                 false,
		"...":                      false,
		"":                         false,
	} {
		for _, b := range blocksIn("```go\n" + text + "\n```\n") {
			assert.Equal(t, quoted, isQuote(b, files), text)
		}
	}
	assert.Equal(t, []block{{".go", "a\n"}, {".conf", "b\n"}}, blocksIn("```go\na\n```\n```sh\nx\n```\n ```nginx\nb\n ```\n```\ny\n```\n"))
}

// block is a fenced block of a document.
type block struct{ kind, text string }

// quoted are the languages of the blocks that have to stand in a file, and what the
// names of such files end in.
var quoted = map[string]string{
	"go": ".go", "yaml": ".yaml", "dockerfile": "Dockerfile", "nginx": ".conf", "caddyfile": "Caddyfile",
}

var fence = regexp.MustCompile("(?ms)^ *```(\\w*)[^\n]*\n(.*?)^ *```")

func blocksIn(markdown string) []block {
	var found []block
	for _, m := range fence.FindAllStringSubmatch(markdown, -1) {
		if kind := quoted[m[1]]; kind != "" {
			found = append(found, block{kind, m[2]})
		}
	}
	return found
}

// isQuote reports whether a file has the pieces of a block, in their order.
func isQuote(b block, files map[string][]string) bool {
	var pieces []string
	for piece := range strings.SplitSeq(normal(b.text), "\n...\n") {
		if piece = strings.Trim(piece, "\n"); piece != "" {
			pieces = append(pieces, "\n"+piece+"\n")
		}
	}
	return len(pieces) > 0 && slices.ContainsFunc(files[b.kind], func(file string) bool {
		for _, piece := range pieces {
			at := strings.Index(file, piece)
			if at < 0 {
				return false
			}
			file = file[at+len(piece)-1:]
		}
		return true
	})
}

var exampleHeader = regexp.MustCompile(`(?m)^func Example\w*\(\) \{$`)

// normal is a text without empty lines and indentation. An Example is a program.
func normal(text string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return exampleHeader.ReplaceAllString(b.String(), "func main() {")
}

// quotable returns the texts of the files that may be quoted, by what their names end
// in.
func quotable(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file != "." && (strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "node_modules", "tmp"}, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		for _, kind := range quoted {
			if name == kind || path.Ext(name) == kind {
				data, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				files[kind] = append(files[kind], normal(string(data)))
			}
		}
		return nil
	})
	require.NoError(t, err)
	return files
}
