package pages

import (
	"errors"
	"html"
	"html/template"
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

var (
	comment = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)<!--.*?(-->|$)`) })
	anchor  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?is)<a(?:[\s/](?:[^>"']|"[^"]*"|'[^']*')*?)?[\s/]href\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)`)
	})
)

func hasLink(document, address string) bool {
	written := []string{address, normalized(address)}
	for _, found := range anchor().FindAllStringSubmatch(comment().ReplaceAllString(document, ""), -1) {
		if slices.Contains(written, html.UnescapeString(strings.Trim(found[1], `"'`))) {
			return true
		}
	}
	return false
}

// normalized is an address as html/template writes it, which encodes some characters.
func normalized(address string) string {
	var b strings.Builder
	_ = hrefTemplate().Execute(&b, address) // a string always can be
	href := strings.TrimSuffix(strings.TrimPrefix(b.String(), `<a href="`), `">`)
	return html.UnescapeString(href)
}

var hrefTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("href").Parse(`<a href="{{.}}">`))
})
