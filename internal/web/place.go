package web

import (
	"net/http"
	"net/url"
	"strings"
)

// Place is where the program stands on its host. A prefix belongs to the paths that
// browsers see. [http.StripPrefix] or a proxy may take it off before a request
// reaches the handlers, or may not. The zero value is the root.
type Place struct {
	prefix  string // decoded, without a slash at the end; "" at the root
	escaped string // the prefix as it is written in URLs
}

// PlaceAt returns the place below a URL. It reports false if the path of the URL
// cannot be a prefix.
func PlaceAt(base *url.URL) (Place, bool) {
	p := Place{prefix: strings.TrimRight(base.Path, "/"), escaped: strings.TrimRight(base.EscapedPath(), "/")}
	return p, p.escaped == "" || IsLocalPath(p.escaped)
}

// Public returns a path of the program, which may have a query, as browsers see it.
func (p Place) Public(path string) string {
	if p.Holds(path) {
		return path
	}
	return p.escaped + path
}

// Holds reports whether a path, which may have a query, is below the prefix.
func (p Place) Holds(path string) bool {
	decoded, err := url.PathUnescape(PathOf(path))
	return err == nil && p.Below(decoded)
}

// Below reports the same of a path that is decoded.
func (p Place) Below(path string) bool {
	rest, ok := strings.CutPrefix(path, p.prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// Local returns a decoded path without the prefix.
func (p Place) Local(path string) string {
	if p.Below(path) {
		path = path[len(p.prefix):]
	}
	if path == "" {
		return "/"
	}
	return path
}

// LocalOf is Local for a path that is written as in a URL.
func (p Place) LocalOf(path string) string {
	decoded, err := url.PathUnescape(PathOf(path))
	if err != nil {
		return path
	}
	return p.Local(decoded)
}

// Requested returns the path and the query that the browser has asked for, whatever
// http.StripPrefix or a proxy has taken off.
func (p Place) Requested(r *http.Request) string {
	if IsLocalPath(r.RequestURI) && p.Holds(r.RequestURI) {
		return r.RequestURI
	}
	return p.Public(LocalPath(r.URL.RequestURI(), "/"))
}

// RequestedPath returns the decoded path, without the prefix, that the browser has asked
// for. Unlike Requested it is not made fit for a redirect: it is read as net/http reads
// the path that a router goes by, whose length has no bound, and in which "#" is a
// character like others.
func (p Place) RequestedPath(r *http.Request) string {
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil && u.Host == "" && p.Below(u.Path) {
		return p.Local(u.Path)
	}
	return p.Local(r.URL.Path)
}

// Referrer returns the page that a request was made from, if it is one of the program,
// which is at host; otherwise "".
func (p Place) Referrer(r *http.Request, host string) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host == "" || from.Host != r.Host && from.Host != host {
		return ""
	}
	return LocalPath(from.RequestURI(), "")
}

// OtherReferrer is Referrer for a request whose own path is no page to go back to.
func (p Place) OtherReferrer(r *http.Request, host string) string {
	from := p.Referrer(r, host)
	if p.LocalOf(from) == p.Local(r.URL.Path) {
		return ""
	}
	return from
}

// PathOf returns the path of a URL without scheme and host.
func PathOf(uri string) string {
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		return uri[:i]
	}
	return uri
}
