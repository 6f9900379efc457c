package doctor

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
)

// policy is a Content-Security-Policy (CSP Level 3): its directives, each with its
// sources.
type policy map[string][]string

// policiesIn are those of a response's headers, all of which apply.
func policiesIn(h http.Header) (all []policy) {
	for _, header := range h.Values("Content-Security-Policy") {
		for one := range strings.SplitSeq(header, ",") {
			if p := parsePolicy(one); len(p) > 0 {
				all = append(all, p)
			}
		}
	}
	return all
}

var (
	metaTag     = regexp.MustCompile(`(?is)<meta\s[^>]*http-equiv\s*=\s*["']?content-security-policy["']?[^>]*>`)
	metaContent = regexp.MustCompile(`(?is)\scontent\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// policiesOf are those of the headers and of the page itself.
func policiesOf(res response) []policy {
	all := policiesIn(res.Header)
	for _, tag := range metaTag.FindAllString(res.body, 8) {
		if m := metaContent.FindStringSubmatch(tag); m != nil {
			p := parsePolicy(html.UnescapeString(m[1] + m[2]))
			delete(p, "frame-ancestors") // counts in a header only
			all = append(all, p)
		}
	}
	return all
}

func parsePolicy(s string) policy {
	p := policy{}
	for directive := range strings.SplitSeq(s, ";") {
		fields := strings.Fields(directive)
		if len(fields) == 0 {
			continue
		}
		if name := strings.ToLower(fields[0]); p[name] == nil { // the first counts
			p[name] = append([]string{}, fields[1:]...)
		}
	}
	return p
}

// fallbacks are the directives that count if one is missing.
var fallbacks = map[string][]string{"frame-src": {"frame-src", "child-src", "default-src"}}

// allows reports whether a directive of a page's policy allows an origin.
func (p policy) allows(directive string, page *url.URL, origin string) bool {
	to, err := url.Parse(origin)
	if err != nil {
		return false
	}
	names := fallbacks[directive]
	if names == nil {
		names = []string{directive}
	}
	for _, name := range names {
		if sources := p[name]; sources != nil {
			return slices.ContainsFunc(sources, func(source string) bool { return matches(source, page, to) })
		}
	}
	return true
}

// matches reports whether a source expression is for an origin. A path narrows it
// down, and is not looked at.
func matches(source string, page, to *url.URL) bool {
	source = strings.ToLower(source)
	switch source {
	case "*":
		return true
	case "'self'":
		return authdomain.OriginOf(page) == authdomain.OriginOf(to)
	case to.Scheme + ":":
		return true
	}
	scheme, rest, ok := strings.Cut(source, "://")
	if !ok {
		scheme, rest = page.Scheme, source
	}
	if scheme != to.Scheme && (scheme != "http" || to.Scheme != "https") {
		return false
	}
	host, _, _ := strings.Cut(rest, "/")
	host, port := splitPort(host)
	if port != "*" && port != portOf(to) && (port != "" || portOf(to) != defaultPort(to.Scheme)) {
		return false
	}
	if below, wild := strings.CutPrefix(host, "*."); wild {
		return strings.HasSuffix(strings.ToLower(to.Hostname()), "."+below)
	}
	return host == strings.ToLower(to.Hostname())
}

func splitPort(host string) (name, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return strings.Trim(host, "[]"), ""
	}
	return strings.Trim(host[:i], "[]"), host[i+1:]
}

func portOf(u *url.URL) string { return or(u.Port(), defaultPort(u.Scheme)) }

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}
