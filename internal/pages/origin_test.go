package pages

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOriginIsSpelledAsBrowsersDo(t *testing.T) {
	for rawURL, want := range map[string]string{
		"https://game.example":              "https://game.example",
		"https://game.example/a?b#c":        "https://game.example",
		"HTTPS://GAME.example:443/":         "https://game.example",
		"http://game.example:80":            "http://game.example",
		"http://game.example:443":           "http://game.example:443",
		"http://localhost:3000/logout":      "http://localhost:3000",
		"http://127.0.0.1:3000":             "http://127.0.0.1:3000",
		"http://[::1]:3000/x":               "http://[::1]:3000",
		"https://a_b.xn--bcher-kva.example": "https://a_b.xn--bcher-kva.example",
	} {
		got, err := Origin(rawURL)
		require.NoError(t, err, rawURL)
		assert.Equal(t, want, got)
	}
}

func TestOriginRefusesWhatABrowserWouldReadOtherwise(t *testing.T) {
	for _, rawURL := range []string{
		"", "game.example", "//game.example", "/x", "ftp://game.example", "javascript:alert(1)", "data:text/html,x",
		"https:///x", "https://:443", "https://bücher.example", "https://a;script-src", "https://a b", "https://*.example",
		"https://[fe80::1%25lo]", "https://user@game.example", "https://user:pass@game.example", "https://game.example:port",
	} {
		got, err := Origin(rawURL)
		assert.Error(t, err, rawURL)
		assert.Empty(t, got)
	}
}

// A host that is accepted can neither end a directive nor name more than itself.
func FuzzOriginIsOneSourceExpression(f *testing.F) {
	f.Add("https://game.example:8443/x")
	f.Add("http://[::1]:80")
	f.Fuzz(func(t *testing.T, rawURL string) {
		got, err := Origin(rawURL)
		if err != nil {
			return
		}
		assert.Regexp(t, `^https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?$`, got)
		again, err := Origin(got)
		require.NoError(t, err)
		assert.Equal(t, got, again)
	})
}
