package native

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// From a little-endian machine, as all desktops are.
const (
	someTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 52 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 53 1 0000000000000000 20 4 30 10 -1
   3: nonsense
`
	someTCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:C351 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000  1002        0 54 1 0000000000000000 20 4 30 10 -1
   1: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1003        0 55 1 0000000000000000 20 4 30 10 -1
`
)

func TestTheTableOfConnectionsSaysWhoIsAtTheOtherEnd(t *testing.T) {
	for _, test := range []struct {
		table, client, server string
		uid                   int
		found                 bool
	}{
		{someTCP, "127.0.0.1:50000", "127.0.0.1:8080", 1001, true},
		{someTCP, "127.0.0.1:50001", "127.0.0.1:8080", 0, false},
		{someTCP, "127.0.0.1:50000", "127.0.0.1:8081", 0, false},
		{someTCP, "127.0.0.2:50000", "127.0.0.1:8080", 0, false},
		{someTCP6, "[::1]:50001", "[::1]:8080", 1002, true},
		{someTCP6, "127.0.0.1:50002", "127.0.0.1:8080", 1003, true},
		{"", "127.0.0.1:50000", "127.0.0.1:8080", 0, false},
	} {
		uid, found := uidOf(strings.NewReader(test.table), netip.MustParseAddrPort(test.client), netip.MustParseAddrPort(test.server))
		assert.Equal(t, test.found, found, test)
		assert.Equal(t, test.uid, uid, test)
	}
}

func TestTheUserAtTheOtherEndIsFound(t *testing.T) {
	var uid int
	var found bool
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { uid, found = peerUID(r) }))
	defer server.Close()
	res, err := http.Get(server.URL)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.True(t, found)
	assert.Equal(t, os.Getuid(), uid)
}

func TestAnotherUserIsNeitherThisOneNorRoot(t *testing.T) {
	assert.True(t, isOther(1000, 1001))
	assert.False(t, isOther(1000, 1000))
	assert.False(t, isOther(1000, 0), "root can do anything anyway; so can the relay of WSL")
	assert.False(t, isOther(0, 1000), "the browser that root opens may be a user's")
}
