package native

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheHostIsCalledAsABrowserCallsIt(t *testing.T) {
	for _, test := range []struct {
		address string
		port    int
		want    string
	}{
		{"http://127.0.0.1/in", 4000, "127.0.0.1:4000"},
		{"http://localhost:4000/in", 4000, "localhost:4000"},
		{"http://[::1]/in", 4000, "[::1]:4000"},
		{"http://127.0.0.1:80/in", 80, "127.0.0.1"},
		{"http://LocalHost/in", 80, "localhost"},
	} {
		u, err := url.Parse(test.address)
		require.NoError(t, err)
		assert.Equal(t, test.want, hostHeader(u, test.port))
	}
}
