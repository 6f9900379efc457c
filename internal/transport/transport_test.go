package transport

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type other struct{ http.RoundTripper }

func TestWhatTheProgramHasSetIsLeftAsItIs(t *testing.T) {
	theirs := &http.Transport{HTTP2: &http.HTTP2Config{SendPingTimeout: time.Minute}}
	assert.Same(t, theirs, Checked(theirs))
	assert.Equal(t, other{}, Checked(other{}), "of another type")

	theirs = &http.Transport{MaxIdleConns: 7, HTTP2: &http.HTTP2Config{PingTimeout: time.Second, MaxReadFrameSize: 1 << 20}}
	ours := Checked(theirs).(*http.Transport)
	assert.Equal(t, http.HTTP2Config{SendPingTimeout: silence, PingTimeout: time.Second, MaxReadFrameSize: 1 << 20}, *ours.HTTP2)
	assert.Equal(t, 7, ours.MaxIdleConns)
	assert.Zero(t, theirs.HTTP2.SendPingTimeout, "the program's own")
}

// The program's own may have spoken HTTP/2 before, or not yet.
func TestACopySpeaksHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	t.Setenv("SSL_CERT_FILE", roots) // is read once, by the first who needs it
	for _, used := range []bool{false, true} {
		theirs := &http.Transport{MaxIdleConnsPerHost: 10}
		t.Cleanup(theirs.CloseIdleConnections)
		if used {
			require.Equal(t, "HTTP/2.0", protocol(t, theirs, server.URL))
		}
		ours := Checked(theirs).(*http.Transport)
		t.Cleanup(ours.CloseIdleConnections)
		assert.Equal(t, "HTTP/2.0", protocol(t, ours, server.URL))
	}
	one := &http.Transport{ForceAttemptHTTP2: false, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	ours := Checked(one).(*http.Transport)
	t.Cleanup(ours.CloseIdleConnections)
	assert.Equal(t, "HTTP/1.1", protocol(t, ours, server.URL), "as the program wants it")
}

func protocol(t *testing.T, by http.RoundTripper, address string) string {
	t.Helper()
	res, err := (&http.Client{Transport: by}).Get(address)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

func TestTheDefaultTransportIsCheckedToo(t *testing.T) {
	ours := Checked(nil).(*http.Transport)
	assert.Equal(t, http.HTTP2Config{SendPingTimeout: silence, PingTimeout: patience}, *ours.HTTP2)
	assert.Nil(t, http.DefaultTransport.(*http.Transport).HTTP2)
	assert.NotNil(t, ours.Proxy)
}
