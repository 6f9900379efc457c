// Package web reads what browsers say of their requests, and writes cookies and
// short responses.
package web

import (
	"net/http"
	"strings"
)

// IsNavigation reports whether a person is about to see the response as a page.
// Browsers that do not send Sec-Fetch-Mode are judged by what they accept.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || IsHTMX(r) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return accepts(r, "text/html")
}

// IsFormPost reports whether a page has posted a form, and a person is about to see the
// response.
func IsFormPost(r *http.Request) bool {
	if r.Method != http.MethodPost || IsHTMX(r) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return accepts(r, "text/html")
}

// IsOwnNavigation reports whether the browser itself says that a GET loads a page
// at top level, at the wish of this origin or of the user (a bookmark, the address
// bar), and not of another site (W3C Fetch Metadata §2).
func IsOwnNavigation(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "same-origin" || site == "none") &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document"
}

// IsForeignSubrequest reports whether another site makes the request, and not as
// the loading of a page.
func IsForeignSubrequest(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// IsForeignNavigation reports whether the browser says that a page of another origin
// has led it here.
func IsForeignNavigation(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// IsPrefetch reports whether a browser fetches ahead of a click that may never
// come.
func IsPrefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, value := range r.Header[name] {
			value = strings.ToLower(value)
			if strings.Contains(value, "prefetch") || strings.Contains(value, "prerender") || strings.Contains(value, "preview") {
				return true
			}
		}
	}
	return false
}

// value is that of a header whose name is spelled as net/http spells it, which Get would
// see to each time.
func value(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// IsHTMX reports whether htmx makes the request.
func IsHTMX(r *http.Request) bool { return value(r, "Hx-Request") == "true" }

// WantsJSON reports whether a program asks: it says so, or the browser says that
// it is a script's fetch and not the loading of a page. A page that a service worker loads
// has no destination either, but the mode of a navigation.
func WantsJSON(r *http.Request) bool {
	return accepts(r, "application/json") ||
		value(r, "Sec-Fetch-Dest") == "empty" && value(r, "Sec-Fetch-Mode") != "navigate" && !IsHTMX(r)
}

// IsFramed reports whether the browser says that it loads a page into another one.
func IsFramed(r *http.Request) bool {
	switch value(r, "Sec-Fetch-Dest") {
	case "iframe", "frame", "embed", "object":
		return true
	}
	return false
}

// IsForeignFrame reports whether a page is loaded into another site's, where browsers send
// no SameSite=Lax cookie and keep none, or comes back to a frame from another site.
func IsForeignFrame(r *http.Request) bool {
	return IsFramed(r) && r.Header.Get("Sec-Fetch-Site") == "cross-site"
}

// IsByScript reports whether a script asks for something that it may show as a page.
func IsByScript(r *http.Request) bool {
	return r.Method == http.MethodGet && (IsHTMX(r) || WantsJSON(r))
}

// accepts reports whether the Accept header names a media type itself.
func accepts(r *http.Request, mediaType string) bool {
	for _, accept := range r.Header["Accept"] {
		for part := range strings.SplitSeq(accept, ",") {
			name, params, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), mediaType) {
				return strings.ReplaceAll(params, " ", "") != "q=0"
			}
		}
	}
	return false
}
