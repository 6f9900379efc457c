package passport

import (
	"net/url"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/web"
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

// settlePlace finds out where the program stands, and brings the paths of the Config
// to the form that browsers see.
func (s *settled) settlePlace(p *problems) {
	s.LoginPath, s.LogoutPath, s.HomePath = either(s.LoginPath, "/login"), either(s.LogoutPath, "/logout"), either(s.HomePath, "/")
	for field, path := range map[string]string{"LoginPath": s.LoginPath, "LogoutPath": s.LogoutPath} {
		if !web.IsLocalPath(path) || strings.ContainsAny(path, "?#") {
			p.add(field, "must be a path of this site that begins with a single slash, without query or fragment")
		}
	}
	if !web.IsLocalPath(s.HomePath) {
		p.add("HomePath", "must be a path of this site that begins with a single slash")
	}
	s.settleOrigins(p)
	if s.BaseURL != "" {
		s.settleBase(p)
	}
	for _, path := range []*string{&s.LoginPath, &s.LogoutPath, &s.HomePath} {
		*path = s.place.public(*path)
	}
}

// settleOrigins brings the trusted origins to the form in which browsers name them.
func (s *settled) settleOrigins(p *problems) {
	var origins []string
	for _, raw := range s.TrustedOrigins {
		origin, err := authdomain.Origin(raw)
		if err != nil || !strings.Contains(raw, "://") {
			p.add("TrustedOrigins", "%q is not an origin: write it in full, such as https://app.example.com; there are no wildcards", raw)
			continue
		}
		origins = append(origins, origin)
	}
	s.TrustedOrigins = origins
}

func (s *settled) settleBase(p *problems) {
	base, err := authdomain.ParseHTTP(s.BaseURL)
	if err != nil {
		p.add("BaseURL", "%v", err)
		return
	}
	if base.RawQuery != "" || base.ForceQuery {
		p.add("BaseURL", "must not have a query")
		return
	}
	s.place = place{prefix: strings.TrimRight(base.Path, "/"), escaped: strings.TrimRight(base.EscapedPath(), "/")}
	if s.place.escaped != "" && !web.IsLocalPath(s.place.escaped) {
		p.add("BaseURL", "must have a path that begins with a single slash")
	}
	redirect, err := authdomain.ParseHTTP(s.RedirectURI)
	if err != nil {
		return // reported with RedirectURI
	}
	if is, want := authdomain.OriginOf(base), authdomain.OriginOf(redirect); is != want {
		p.add("BaseURL", "is at %s and RedirectURI at %s, whose cookies are not the same: use one of the two for both", is, want)
	} else if !s.place.below(redirect.Path) {
		p.add("RedirectURI", "is not below BaseURL: put it there, or make BaseURL the address that both are below")
	}
}
