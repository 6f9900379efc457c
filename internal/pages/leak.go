package pages

import (
	"iter"
	"net/url"
	"strings"

	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/page"
)

const (
	// longestReason bounds what the log repeats of a program's error.
	longestReason = 2000

	// leakLength is how many letters and digits in a row of a link's query are enough to
	// recognise it. Words are shorter, and tokens and states have such a row.
	leakLength = 12
)

// withoutURLs is the text of a program's error, without the addresses of the page's
// links: that of a logout may have an ID token in it. The program may have escaped an
// address in any way, or cut it, so a word is left out if it has the host of a link, or
// a part of its query. Escaping leaves letters and digits alone; an encoding, such as
// base64, does not, and is not looked for.
func withoutURLs(err error, p page.Page) string {
	var hosts []string
	leaks := map[string]bool{}
	for _, link := range p.Links {
		if u, err := url.Parse(link.URL); err == nil && u.Host != "" {
			hosts = append(hosts, strings.ToLower(u.Host))
		}
		_, query, _ := strings.Cut(link.URL, "?")
		for row := range rows(query) {
			leaks[row] = true
		}
	}
	words := strings.Fields(text.Spaced(err.Error(), longestReason))
	for i, word := range words {
		if hasHost(word, hosts) || hasRow(word, leaks) {
			words[i] = "[link]"
		}
	}
	if hasRow(strings.Join(words, ""), leaks) { // it is wrapped
		return "[link]"
	}
	return strings.Join(words, " ")
}

func hasHost(word string, hosts []string) bool {
	word = strings.ToLower(word)
	for _, host := range hosts {
		if strings.Contains(word, host) {
			return true
		}
	}
	return false
}

func hasRow(word string, leaks map[string]bool) bool {
	for row := range rows(word) {
		if leaks[row] {
			return true
		}
	}
	return false
}

// rows are all parts of s that are leakLength letters and digits, in lower case.
func rows(s string) iter.Seq[string] {
	s = strings.ToLower(s)
	return func(yield func(string) bool) {
		begin := 0
		for end := range len(s) {
			if c := s[end]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				begin = end + 1
			} else if end-begin >= leakLength-1 && !yield(s[end+1-leakLength:end+1]) {
				return
			}
		}
	}
}
