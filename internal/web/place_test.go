package web

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func placeAt(t *testing.T, base string) Place {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	p, ok := PlaceAt(u)
	require.True(t, ok)
	return p
}

func TestAPlaceAddsItsPrefixOnce(t *testing.T) {
	for base, rows := range map[string]map[string]string{
		"https://example.com":                {"/login": "/login", "/login?a=/b": "/login?a=/b"},
		"https://example.com/shop/":          {"/login": "/shop/login", "/shop/login": "/shop/login", "/shopping": "/shop/shopping", "/shop": "/shop", "/x?to=/shop/": "/shop/x?to=/shop/"},
		"https://example.com/caf%C3%A9/s%20": {"/login": "/caf%C3%A9/s%20/login", "/caf%c3%a9/s%20/login": "/caf%c3%a9/s%20/login"},
	} {
		p := placeAt(t, base)
		for path, public := range rows {
			assert.Equal(t, public, p.Public(path), "%s %s", base, path)
			assert.Equal(t, p.LocalOf(path), p.LocalOf(public), "with the prefix or without it")
		}
	}
}

func TestAPathBelowAPlaceHasALocalForm(t *testing.T) {
	p := placeAt(t, "https://example.com/shop")
	assert.Equal(t, "/login", p.Local("/shop/login"))
	assert.Equal(t, "/", p.Local("/shop"))
	assert.Equal(t, "/shopping", p.Local("/shopping"))
	assert.Equal(t, "/a b", p.LocalOf("/shop/a%20b?c#d"))
	assert.Equal(t, "/%", p.LocalOf("/%"), "not a path")
}

func TestWhatTheBrowserAskedForHasThePrefix(t *testing.T) {
	p := placeAt(t, "https://example.com/shop")
	r := httptest.NewRequest("GET", "/shop/page?tab=2", nil)
	assert.Equal(t, "/shop/page?tab=2", p.Requested(r))
	r = httptest.NewRequest("GET", "/page?tab=2", nil) // a proxy has taken it off
	assert.Equal(t, "/shop/page?tab=2", p.Requested(r))
	r = httptest.NewRequest("GET", "http://evil.example//page", nil)
	assert.Equal(t, "/shop/", p.Requested(r))
}

func TestAPrefixIsAPathOfThisSite(t *testing.T) {
	_, ok := PlaceAt(&url.URL{Path: "//evil.example"})
	assert.False(t, ok)
}

func TestThePathOfAURLWithoutSchemeAndHost(t *testing.T) {
	for uri, want := range map[string]string{
		"/a/b": "/a/b", "/a?b=/c": "/a", "/a#b?c": "/a", "/a?b#c": "/a", "?a=1": "", "#a": "", "": "", "/a%3Fb": "/a%3Fb",
	} {
		assert.Equal(t, want, PathOf(uri), uri)
	}
}
