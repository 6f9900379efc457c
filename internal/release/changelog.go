package release

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Unreleased is the heading in CHANGELOG.md of what no release has yet.
const Unreleased = "Unreleased"

// Changelog returns the section of CHANGELOG.md under a heading: Unreleased, or a
// version without its v.
func (w Workspace) Changelog(heading string) (string, error) {
	data, err := os.ReadFile(filepath.Join(w.Root, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut("\n"+string(data), "\n## ["+heading+"]")
	if !found {
		return "", fmt.Errorf("CHANGELOG.md has no section ## [%s]", heading)
	}
	section, _, _ := strings.Cut(rest, "\n## [")
	_, section, _ = strings.Cut(section, "\n") // the date
	section = references.ReplaceAllString(section, "")
	return strings.TrimSpace(section), nil
}

// references are the targets of links at the end of the file.
var references = regexp.MustCompile(`(?m)^\[[^\]]+\]: .*$`)

// Unnamed returns those of the incompatible changes that a section does not name:
// in backquotes, such as `Passport.At` or `redis.New`.
func Unnamed(section string, changes []Change) []Change {
	var unnamed []Change
	for _, c := range changes {
		if !strings.Contains(section, "`"+c.Name+"`") {
			unnamed = append(unnamed, c)
		}
	}
	return unnamed
}
