package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIsLocalPath(t *testing.T) {
	for _, s := range []string{"/", "/page", "/page?a=1#b", "/%2F%2Fevil", "/a//b", "/a?to=https://evil.example.com", "/äpfel",
		"/" + strings.Repeat("a", LongestPath-1)} {
		assert.True(t, IsLocalPath(s), "%.40q", s)
	}
	for _, s := range []string{
		"", "page", "//evil", `/\evil`, `\/evil`, "/\n/evil", "/\t/evil", " /page", "https://evil", "javascript:alert(1)",
		"/a\\b", "/%zz", "/" + strings.Repeat("a", LongestPath), "/\x7f", "data:text/html,x",
		// url.Parse lets them through in a fragment.
		"/#\r\nSet-Cookie: a=b", "/#\x00", "/#\x1f", "/#\x7f",
	} {
		assert.False(t, IsLocalPath(s), "%.40q", s)
	}
}

// browserView does to a string what the URL Standard has browsers do before
// they parse it: white space goes, and a backslash is a slash.
func browserView(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	return strings.ReplaceAll(s, `\`, "/")
}

func FuzzALocalPathStaysOnThisOrigin(f *testing.F) {
	for _, s := range []string{"/page", "//evil", `/\evil`, "/\t/evil", "/a/../..//evil", "/.//evil", "https:/evil", "/%5cevil"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://app.example.com/logout")
	f.Fuzz(func(t *testing.T, s string) {
		if !IsLocalPath(s) {
			return
		}
		u, err := url.Parse(browserView(s))
		if err != nil {
			t.Fatalf("accepted, but does not parse: %q", s)
		}
		if to := base.ResolveReference(u); to.Scheme != "https" || to.Host != "app.example.com" || strings.HasPrefix(browserView(s), "//") {
			t.Fatalf("%q leads to %s", s, to)
		}
	})
}
