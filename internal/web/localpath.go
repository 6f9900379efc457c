package web

import (
	"net/url"
	"strings"
)

// LongestPath bounds a path, in bytes.
const LongestPath = 64 << 10

// IsLocalPath reports whether a browser that is told to go to s stays on this
// origin: one slash at the beginning, not two, and none of the characters that
// browsers take for a slash or leave out.
func IsLocalPath(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || len(s) > LongestPath {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\\' {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil
}

// LocalPath returns s if it is a path of this site, and fallback if it is not.
func LocalPath(s, fallback string) string {
	if IsLocalPath(s) {
		return s
	}
	return fallback
}
