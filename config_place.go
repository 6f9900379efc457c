package passport

import (
	"net/url"
	"strings"
)

// place is where the program stands on its host. A prefix belongs to the paths that
// browsers see. [http.StripPrefix] or a proxy may take it off before a request
// reaches the handlers, or may not.
type place struct {
	prefix  string // decoded, without a slash at the end; "" at the root
	escaped string // the prefix as it is written in URLs
}

// public returns a path of the program, which may have a query, as browsers see it.
func (p place) public(path string) string {
	if p.holds(path) {
		return path
	}
	return p.escaped + path
}

// holds reports whether a path, which may have a query, is below the prefix.
func (p place) holds(path string) bool {
	decoded, err := url.PathUnescape(path[:pathLength(path)])
	return err == nil && p.below(decoded)
}

// below reports the same of a path that is decoded.
func (p place) below(path string) bool {
	rest, ok := strings.CutPrefix(path, p.prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// local returns a decoded path without the prefix.
func (p place) local(path string) string {
	if p.below(path) {
		path = path[len(p.prefix):]
	}
	return either(path, "/")
}

// localOf is local for a path that is written as in a URL.
func (p place) localOf(path string) string {
	decoded, err := url.PathUnescape(path[:pathLength(path)])
	if err != nil {
		return path
	}
	return p.local(decoded)
}

// pathLength is how much of a URL without scheme and host is its path.
func pathLength(uri string) int {
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		return i
	}
	return len(uri)
}
