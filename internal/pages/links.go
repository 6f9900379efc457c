package pages

import (
	"errors"
	"html"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/passport-go/passport/page"
)

var errLinkMissing = errors.New("the page leaves out a link that is Required")

// checkLinks fails unless a page has every required link as the address of an a
// element, outside of comments.
func checkLinks(document string, links []page.Link) error {
	for _, link := range links {
		if link.Required && !hasLink(document, link.URL) {
			return errLinkMissing
		}
	}
	return nil
}

// patterns are compiled when they are first needed, and by a function that only a
// program that shows pages calls: a variable with an initialiser would be in every
// program, in WebAssembly too.
var patterns struct {
	once            sync.Once
	comment, anchor *regexp.Regexp
}

func compilePatterns() {
	patterns.comment = regexp.MustCompile(`(?s)<!--.*?(-->|$)`)
	patterns.anchor = regexp.MustCompile(`(?is)<a(?:[\s/](?:[^>"']|"[^"]*"|'[^']*')*?)?[\s/]href\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)`)
}

func hasLink(document, address string) bool {
	patterns.once.Do(compilePatterns)
	written := []string{address, normalized(address)}
	for _, found := range patterns.anchor.FindAllStringSubmatch(patterns.comment.ReplaceAllString(document, ""), -1) {
		if slices.Contains(written, html.UnescapeString(strings.Trim(found[1], `"'`))) {
			return true
		}
	}
	return false
}

var (
	hrefHTML = `<a href="{{.}}">`
	hrefPage = &source{name: "href", html: &hrefHTML}
)

// normalized is an address as html/template writes it, which encodes some characters.
func normalized(address string) string {
	tag := string(hrefPage.render(address))
	return html.UnescapeString(strings.TrimSuffix(strings.TrimPrefix(tag, `<a href="`), `">`))
}
