package native

import (
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

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

// A system may choose any port above 1023.
func TestAPortThatBrowsersDoNotConnectToIsNotUsed(t *testing.T) {
	blocks := isBlocked
	t.Cleanup(func() { isBlocked = blocks })
	var blocked []int
	isBlocked = func(port int) bool {
		if len(blocked) < 3 {
			blocked = append(blocked, port)
			return true
		}
		return false
	}
	listeners, port, err := listen(&url.URL{Scheme: "http", Host: "localhost"})
	require.NoError(t, err)
	defer closeAll(listeners)
	require.Len(t, blocked, 3)
	assert.NotContains(t, blocked, port)
	for _, port := range blocked {
		_, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		assert.Error(t, err, "it is given back")
	}
	isBlocked = func(int) bool { return true }
	_, _, err = listen(&url.URL{Scheme: "http", Host: "localhost"})
	require.ErrorIs(t, err, errBlocked)
}

func TestBrowsersDoNotConnectToBadPorts(t *testing.T) {
	for _, port := range []int{1, 22, 25, 53, 143, 161, 512, 587, 636, 989, 990, 993, 995, 1719, 2049, 6000, 6665, 6667, 6669, 6697, 10080} {
		assert.True(t, isBlocked(port), port)
	}
	for _, port := range []int{0, 80, 81, 443, 591, 1023, 3000, 6664, 6670, 8080} {
		assert.False(t, isBlocked(port), port)
	}
	assert.Len(t, blockedPorts, 82)
}
