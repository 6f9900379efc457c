package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// get returns a request with headers, given as pairs.
func get(method string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestARequestIsANavigation(t *testing.T) {
	const page = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
	for name, c := range map[string]struct {
		r    *http.Request
		want bool
	}{
		"a page":                          {get("GET", "Sec-Fetch-Mode", "navigate"), true},
		"a page, by HEAD":                 {get("HEAD", "Sec-Fetch-Mode", "navigate"), true},
		"a form":                          {get("POST", "Sec-Fetch-Mode", "navigate"), false},
		"a script that accepts pages":     {get("GET", "Sec-Fetch-Mode", "cors", "Accept", page), false},
		"an old browser":                  {get("GET", "Accept", page), true},
		"an old browser's script":         {get("GET", "Accept", "*/*"), false},
		"htmx, though it accepts pages":   {get("GET", "Accept", page, "HX-Request", "true"), false},
		"accepts anything but pages":      {get("GET", "Accept", "*/*, text/html; q=0"), false},
		"a page, in another header line":  {get("GET", "Accept", "image/png", "Accept", "TEXT/HTML"), true},
		"nothing is said":                 {get("GET"), false},
		"a type that only begins with it": {get("GET", "Accept", "text/html5"), false},
	} {
		assert.Equal(t, c.want, IsNavigation(c.r), name)
	}
}

func TestARequestIsOwnOrForeign(t *testing.T) {
	of := func(site, mode, dest string) *http.Request {
		return get("GET", "Sec-Fetch-Site", site, "Sec-Fetch-Mode", mode, "Sec-Fetch-Dest", dest)
	}
	for _, c := range []struct {
		r                                            *http.Request
		ownNavigation, foreignSub, foreignNavigation bool
	}{
		{of("same-origin", "navigate", "document"), true, false, false},
		{of("none", "navigate", "document"), true, false, false},
		{of("same-site", "navigate", "document"), false, false, true},
		{of("cross-site", "navigate", "document"), false, false, true},
		{of("same-origin", "navigate", "iframe"), false, false, false},
		{of("same-origin", "cors", "empty"), false, false, false},
		{of("same-origin", "cors", "document"), false, false, false},
		{of("cross-site", "cors", "empty"), false, true, false},
		{of("cross-site", "no-cors", "image"), false, true, false},
		{of("same-site", "cors", "empty"), false, false, false},
		{get("GET"), false, false, false},
	} {
		assert.Equal(t, c.ownNavigation, IsOwnNavigation(c.r), "%v", c.r.Header)
		assert.Equal(t, c.foreignSub, IsForeignSubrequest(c.r), "%v", c.r.Header)
		assert.Equal(t, c.foreignNavigation, IsForeignNavigation(c.r), "%v", c.r.Header)
	}
}

func TestAProgramWantsJSON(t *testing.T) {
	for name, c := range map[string]struct {
		r    *http.Request
		want bool
	}{
		"it accepts JSON":             {get("POST", "Accept", "application/json, text/plain"), true},
		"a script's fetch":            {get("POST", "Sec-Fetch-Dest", "empty"), true},
		"a service worker's page":     {get("POST", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "navigate", "Accept", "text/html"), false},
		"htmx takes fragments":        {get("POST", "Sec-Fetch-Dest", "empty", "HX-Request", "true"), false},
		"htmx that asks for JSON":     {get("POST", "Sec-Fetch-Dest", "empty", "HX-Request", "true", "Accept", "application/json"), true},
		"a form":                      {get("POST", "Sec-Fetch-Dest", "document", "Accept", "text/html"), false},
		"JSON is refused":             {get("POST", "Accept", "application/json;q=0"), false},
		"nothing is said":             {get("POST"), false},
		"JSON after something else":   {get("POST", "Accept", "text/html;q=0.5,application/json"), true},
		"anything, by a command line": {get("POST", "Accept", "*/*"), false},
	} {
		assert.Equal(t, c.want, WantsJSON(c.r), name)
	}
}

func TestABrowserFetchesAhead(t *testing.T) {
	for _, header := range [][]string{
		{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "Prefetch"}, {"X-Purpose", "preview"}, {"X-Moz", "prefetch"},
		{"Purpose", "prerender"},
	} {
		assert.True(t, IsPrefetch(get("GET", header...)), "%v", header)
	}
	assert.False(t, IsPrefetch(get("GET")))
	assert.False(t, IsPrefetch(get("GET", "Purpose", "reload", "Accept", "prefetch")))
}
