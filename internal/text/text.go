// Package text makes text that others wrote fit for a log or a page.
package text

import "strings"

// Line returns s without control characters, cut after at most n bytes between
// two characters.
func Line(s string, n int) string {
	return clip(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s), n)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
