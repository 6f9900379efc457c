package passport_test

import (
	"go/ast"
	"go/doc/comment"
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

// TestDocumentsLinkToWhatIsThere checks the links within the tree, with their
// anchors.
func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	for _, document := range documents(t) {
		text := read(t, document)
		for _, to := range linksIn(text) {
			assert.Empty(t, brokenLink(t, document, to), "%s links to %s", document, to)
		}
	}
}

func TestALinkThatLeadsNowhereIsFound(t *testing.T) {
	for to, found := range map[string]string{
		"LICENSE":                        "",
		"#how-to-test":                   "",
		"docs/configuration.md":          "",
		"MISSING.md":                     "no such file",
		"#missing":                       "no such heading",
		"docs/configuration.md#missing":  "no such heading",
		"https://example.com/MISSING.md": "",
	} {
		assert.Equal(t, found, brokenLink(t, "CONTRIBUTING.md", to), to)
	}
	assert.Equal(t, []string{"a.md", "b.md#c"}, linksIn("[a](a.md) `[x](y)`\n\n[B]: b.md#c\n```\n[x](y)\n```\n"))
}

// TestTheDocumentationIsAClickFromTheREADME: what users look for is a page away.
func TestTheDocumentationIsAClickFromTheREADME(t *testing.T) {
	links := linksIn(read(t, "README.md"))
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, page := range append(pages, "examples/README.md") {
		assert.True(t, slices.ContainsFunc(links, func(to string) bool {
			file, _, _ := strings.Cut(to, "#")
			return file == page
		}), "README.md does not link to %s: put it into its table", page)
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md", ".github/*.md", "*/*/README.md"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, names...)
	}
	require.Contains(t, found, "README.md")
	return found
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

var (
	codeInMarkdown = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`\n]*`")
	linkInMarkdown = regexp.MustCompile(`(?m)\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)`)
	heading        = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	notInAnchor    = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

func linksIn(markdown string) []string {
	var found []string
	for _, m := range linkInMarkdown.FindAllStringSubmatch(codeInMarkdown.ReplaceAllString(markdown, "`"), -1) {
		found = append(found, m[1]+m[2])
	}
	return found
}

// brokenLink returns what is wrong with a link in a document, or nothing. Links
// to elsewhere are not followed.
func brokenLink(t *testing.T, document, to string) string {
	t.Helper()
	if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return ""
	}
	file, anchor, hasAnchor := strings.Cut(to, "#")
	target := document
	if file != "" {
		target = filepath.Join(filepath.Dir(document), file)
	}
	if _, err := os.Stat(target); err != nil {
		return "no such file"
	}
	if hasAnchor && path.Ext(target) == ".md" && !slices.Contains(anchors(read(t, target)), anchor) {
		return "no such heading"
	}
	return ""
}

// anchors are those that GitHub makes of headings.
func anchors(markdown string) []string {
	var found []string
	for _, m := range heading.FindAllStringSubmatch(codeInMarkdown.ReplaceAllStringFunc(markdown, func(code string) string {
		if strings.Contains(code, "```") {
			return ""
		}
		return strings.Trim(code, "`")
	}), -1) {
		text := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, strings.ReplaceAll(text, " ", "-"))
	}
	return found
}

// TestDocLinksLeadToNames: a link such as [Passport.Logout] in a doc comment that
// leads to no exported name stays in brackets on the package site, and leads no reader of
// internal/ anywhere.
func TestDocLinksLeadToNames(t *testing.T) {
	names := map[string][]string{}
	for dir := range packages(t) {
		if !isPublished(dir) && !strings.HasPrefix(dir, "internal/") {
			continue
		}
		for _, link := range docLinks(t, dir) {
			target := dir
			if link.ImportPath != "" {
				below, ours := strings.CutPrefix(link.ImportPath+"/", module+"/")
				if !ours {
					continue
				}
				target = path.Clean(below)
			}
			name := link.Name
			if link.Recv != "" {
				name = link.Recv + "." + link.Name
			}
			if names[target] == nil && name != "" {
				names[target] = exported(t, target, "linux/amd64")
			}
			if name != "" {
				assert.Contains(t, names[target], name, "%s: a doc link to it", dir)
			} else {
				assert.DirExists(t, target, "%s: a doc link to it", dir)
			}
		}
	}
}

// docLinks are what looks like a link in the doc comments of a package.
func docLinks(t *testing.T, dir string) []*comment.DocLink {
	t.Helper()
	pkg := documentation(t, dir, "linux/amd64")
	parser := pkg.Parser()
	parser.LookupSym = func(recv, name string) bool { return ast.IsExported(name) }
	var links []*comment.DocLink
	for _, text := range docComments(pkg) {
		for _, block := range parser.Parse(text).Content {
			if p, ok := block.(*comment.Paragraph); ok {
				links = append(links, linksOf(p.Text)...)
			}
			if l, ok := block.(*comment.List); ok {
				for _, item := range l.Items {
					for _, block := range item.Content {
						links = append(links, linksOf(block.(*comment.Paragraph).Text)...)
					}
				}
			}
		}
	}
	return links
}

func linksOf(text []comment.Text) []*comment.DocLink {
	var links []*comment.DocLink
	for _, part := range text {
		if link, ok := part.(*comment.DocLink); ok {
			links = append(links, link)
		}
	}
	return links
}
