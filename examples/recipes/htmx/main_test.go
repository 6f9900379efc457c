package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/examples/internal/usertest"
	"github.com/passport-go/passport/passporttest"
)

// part is a request of htmx's on the page.
func part(b *usertest.Browser, method, path string) usertest.Answer {
	return b.Do(method, path, "HX-Request", "true", "HX-Current-URL", b.Base+"/shop", "Accept", "*/*")
}

// follow is what htmx does with HX-Redirect.
func follow(t *testing.T, b *usertest.Browser, a usertest.Answer) usertest.Answer {
	t.Helper()
	to := a.Header.Get("HX-Redirect")
	require.NotEmpty(t, to)
	if to[0] != '/' {
		elsewhere := *b
		elsewhere.Base = ""
		b = &elsewhere
	}
	return b.Get(to)
}

func TestAPartOfThePageTakesAllOfItToTheLogin(t *testing.T) {
	s := usertest.Start(t, serve)
	b := s.Browser()
	out := part(b, http.MethodGet, "/inventory")
	assert.Equal(t, http.StatusUnauthorized, out.StatusCode)
	page := follow(t, b, out)
	assert.Equal(t, s.URL+"/shop", page.Request.URL.String(), "the page, and not its part")
	assert.Contains(t, page.Body, "The shop")

	in := part(b, http.MethodGet, "/inventory")
	assert.Contains(t, in.Body, "The inventory of "+passporttest.DefaultUser().Subject)
}

func TestTheButtonSignsOut(t *testing.T) {
	s := usertest.Start(t, serve)
	b := s.Browser()
	require.Contains(t, b.Get("/login").Body, "The shop")
	copied := b.Copy()
	page := follow(t, b, part(b, http.MethodPost, "/logout"))
	assert.Contains(t, page.Body, "You are not signed in")
	s.IsSignedOut()
	for _, b := range []*usertest.Browser{b, copied} {
		assert.Equal(t, http.StatusUnauthorized, part(b, http.MethodGet, "/inventory").StatusCode)
	}
}
