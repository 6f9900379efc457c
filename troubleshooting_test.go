package passport_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheTroubleshootingPageHasEveryErrorEventAndReason: a row for each error that
// callers can compare with, each event, and each reason of passport.js.
func TestTheTroubleshootingPageHasEveryErrorEventAndReason(t *testing.T) {
	page := read(t, "docs/troubleshooting.md")
	for dir := range packages(t) {
		if !isPublished(dir) || strings.Contains(dir, "/internal/") {
			continue
		}
		for _, name := range exported(t, dir, "linux/amd64") {
			if name != "EventName" && errorOrEvent.MatchString(name) {
				assert.True(t, strings.Contains(page, "\n| `"+inDocument(dir, name)), "no row for %s", inDocument(dir, name))
			}
		}
	}
	reasons := reasonsOfTheScript(t)
	require.Len(t, reasons, 7)
	for _, reason := range reasons {
		assert.True(t, strings.Contains(page, "\n| `"+reason+"` |"), "no row for %s", reason)
	}
}

var (
	errorOrEvent = regexp.MustCompile(`^(Err[A-Z]\w*|Event[A-Z]\w*)$`)
	reasonLine   = regexp.MustCompile(`(?m)^//   (\w+)  +\S`)
)

// inDocument is a name as a Go program writes it, where it is not the root's.
func inDocument(dir, name string) string {
	if dir == "." {
		return name + "`"
	}
	return dir[strings.LastIndex(dir, "/")+1:] + "." + name + "`"
}

// reasonsOfTheScript are those that the head of passport.js lists.
func reasonsOfTheScript(t *testing.T) []string {
	t.Helper()
	_, list, found := strings.Cut(read(t, "internal/pages/passport.js"), "It rejects with an Error")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "With the program's fallback")
	var reasons []string
	for _, m := range reasonLine.FindAllStringSubmatch(list, -1) {
		reasons = append(reasons, m[1])
	}
	return reasons
}
