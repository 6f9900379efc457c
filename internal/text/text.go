// Package text makes text that others wrote fit for a log or a page.
package text

import (
	"strings"
	"unicode"
)

// Line returns s without the characters that end a line, steer a terminal or turn the
// direction of the text around, cut after at most n bytes between two characters.
func Line(s string, n int) string { return clip(strings.Map(dropControl, s), n) }

// Spaced is Line with a space in the place of each of them.
func Spaced(s string, n int) string {
	return clip(strings.Map(func(r rune) rune {
		if dropControl(r) < 0 {
			return ' '
		}
		return r
	}, s), n)
}

// Lines is Line for text of several lines and any length.
func Lines(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return dropControl(r)
	}, s)
}

func dropControl(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
		return -1
	}
	return r
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
