package passporttest

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// fetchMetadata adds the headers that browsers add to requests (W3C Fetch Metadata
// Request Headers, and Origin). It keeps a header that a test has set.
type fetchMetadata struct{ base http.RoundTripper }

func (f fetchMetadata) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := r.Clone(r.Context())
	h, n := sent.Header, navigationOf(r)
	if trustworthy(r.URL) {
		mode, dest := n.mode()
		setMissing(h, "Sec-Fetch-Site", n.site())
		setMissing(h, "Sec-Fetch-Mode", mode)
		setMissing(h, "Sec-Fetch-Dest", dest)
		if h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document" {
			setMissing(h, "Sec-Fetch-User", "?1")
		}
	}
	if (r.Method == http.MethodPost || n.socket) && n.initiator != nil {
		setMissing(h, "Origin", originOf(n.initiator))
	}
	return f.base.RoundTrip(sent)
}

func setMissing(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

// navigation is a request with the redirects that led to it.
type navigation struct {
	initiator *url.URL   // the page that it was begun on; nil: the address bar
	visited   []*url.URL // the last is the request's own
	byScript  bool       // it is a script's fetch, not a navigation
	socket    bool       // it opens a WebSocket
}

func (n navigation) mode() (mode, dest string) {
	switch {
	case n.socket:
		return "websocket", "websocket"
	case n.byScript:
		return "cors", "empty"
	}
	return "navigate", "document"
}

// navigationOf finds out where a request began, by Origin or Referer. Without them, a
// GET was typed, and any other request came from a page of the same origin.
func navigationOf(r *http.Request) navigation {
	n := navigation{visited: []*url.URL{r.URL}}
	for r.Response != nil && r.Response.Request != nil {
		r = r.Response.Request
		n.visited = append(n.visited, r.URL)
	}
	accept := r.Header.Get("Accept")
	n.socket = strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	n.byScript = n.socket || r.Header.Get("HX-Request") != "" ||
		accept != "" && !strings.Contains(accept, "text/html") && !strings.Contains(accept, "*/*")
	switch page := pageOf(r.Header); {
	case page != nil:
		n.initiator = page
	case n.byScript || r.Method != http.MethodGet && r.Method != http.MethodHead:
		n.initiator = r.URL
	}
	return n
}

// pageOf returns the page that a request says it comes from.
func pageOf(h http.Header) *url.URL {
	if h.Get("Origin") == "null" { // from a page with an opaque origin
		return &url.URL{Scheme: "null"}
	}
	for _, name := range []string{"Origin", "Referer"} {
		if page, err := url.Parse(h.Get(name)); err == nil && page.Host != "" {
			return page
		}
	}
	return nil
}

// site returns Sec-Fetch-Site (§2.3), which takes all redirects into account.
func (n navigation) site() string {
	if n.initiator == nil {
		return "none"
	}
	site := "same-origin"
	for _, u := range n.visited {
		switch {
		case siteOf(u) != siteOf(n.initiator):
			return "cross-site"
		case originOf(u) != originOf(n.initiator):
			site = "same-site"
		}
	}
	return site
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// siteOf uses the last two labels of a name. Browsers use the Public Suffix List,
// which tests do not need.
func siteOf(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if net.ParseIP(host) == nil {
		labels := strings.Split(host, ".")
		host = strings.Join(labels[max(0, len(labels)-2):], ".")
	}
	return u.Scheme + "://" + host
}

// trustworthy reports whether browsers send Fetch Metadata to u.
func trustworthy(u *url.URL) bool {
	if u.Scheme == "https" || isLocalhostName(u.Hostname()) {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback()
}
