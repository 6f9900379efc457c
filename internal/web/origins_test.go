package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	ownOrigin = "https://example.com"
	trusted   = "https://app.example.com"
	stranger  = "https://evil.example"
)

func asked(method string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "https://proxied.internal/logout", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestOnlyOwnAndTrustedOriginsAreAdmitted(t *testing.T) {
	o := NewOrigins(ownOrigin, []string{trusted})
	for name, row := range map[string]struct {
		r      *http.Request
		byGET  bool
		status int
		err    error
	}{
		"own page":                {asked("POST", "Origin", ownOrigin, "Sec-Fetch-Site", "same-origin"), false, 0, nil},
		"own page, proxied":       {asked("POST", "Origin", ownOrigin), false, 0, nil},
		"trusted page":            {asked("POST", "Origin", trusted, "Sec-Fetch-Site", "same-site"), false, 0, nil},
		"a program":               {asked("POST"), false, 0, nil},
		"another site":            {asked("POST", "Origin", stranger, "Sec-Fetch-Site", "cross-site"), false, 403, ErrForeign},
		"prefetch":                {asked("GET", "Sec-Purpose", "prefetch"), true, 503, ErrPrefetch},
		"GET":                     {asked("GET", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), false, 405, ErrMethod},
		"GET that is let in":      {asked("GET", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), true, 0, nil},
		"GET by another site":     {asked("GET", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), true, 403, ErrForeign},
		"GET of an image":         {asked("GET", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"), true, 403, ErrForeign},
		"PUT":                     {asked("PUT"), true, 405, ErrMethod},
		"preflight, trusted":      {asked("OPTIONS", "Origin", trusted, "Access-Control-Request-Method", "POST"), false, 204, nil},
		"preflight, another site": {asked("OPTIONS", "Origin", stranger, "Access-Control-Request-Method", "POST"), false, 405, ErrMethod},
	} {
		w := httptest.NewRecorder()
		status, err := o.Admit(w, row.r, row.byGET)
		assert.Equal(t, row.status, status, name)
		assert.ErrorIs(t, err, row.err, name)
		allowed := w.Header().Get("Access-Control-Allow-Origin")
		assert.Equal(t, row.r.Header.Get("Origin") == trusted, allowed == trusted, name)
		assert.True(t, allowed == "" || allowed == trusted, name)
		assert.Equal(t, err == ErrMethod, w.Header().Get("Allow") == "POST", name)
	}
}

func TestAForeignReaderIsFoundWhateverTheMethod(t *testing.T) {
	o := NewOrigins(ownOrigin, []string{trusted})
	assert.True(t, o.IsForeign(asked("GET", "Origin", stranger, "Sec-Fetch-Site", "cross-site")))
	assert.False(t, o.IsForeign(asked("GET", "Origin", trusted, "Sec-Fetch-Site", "same-site")))
	assert.NoError(t, o.CheckOwn(asked("POST", "Origin", ownOrigin)))
	assert.Error(t, o.CheckOwn(asked("POST", "Origin", trusted, "Sec-Fetch-Site", "same-site")))
}

func TestThePageThatARequestComesFrom(t *testing.T) {
	p := placeAt(t, "https://example.com/shop")
	from := func(referer string) string {
		r := httptest.NewRequest("POST", "https://example.com/shop/logout", nil)
		r.Header.Set("Referer", referer)
		if page := p.OtherReferrer(r, "example.com"); page != "" {
			assert.Equal(t, page, p.Referrer(r, "example.com"))
		}
		return p.OtherReferrer(r, "example.com")
	}
	assert.Equal(t, "/shop/page?tab=2", from("https://example.com/shop/page?tab=2"))
	assert.Empty(t, from("https://evil.example/shop/page"))
	assert.Empty(t, from("https://example.com/shop/logout"), "it would log out again")
	assert.Empty(t, from(""))
	assert.Empty(t, from("https://example.com//evil.example"))
}
