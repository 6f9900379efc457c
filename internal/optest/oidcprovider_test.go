package optest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/npmtest"
)

// node is a process in which oidc-provider runs. It is for one test at a time.
type node struct {
	in   io.Writer
	out  *bufio.Reader
	said *transcript
}

// startNode starts the process, which ends with the test.
func startNode(t *testing.T) *node {
	t.Helper()
	npmtest.Install(t, "oidcprovider")
	process := exec.Command(npmtest.Node(t), "server.mjs")
	process.Dir = "oidcprovider"
	n := &node{said: &transcript{}}
	process.Stderr = n.said
	in, err := process.StdinPipe() // closed when the tests end, however they do, and that ends the process
	require.NoError(t, err)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // it was killed
	})
	n.in, n.out = in, bufio.NewReader(out)
	return n
}

// provider starts a provider in the process. It knows a browser again, asks
// before a logout, and sends logout tokens by itself.
func (n *node) provider(t *testing.T, c client) provider {
	t.Helper()
	t.Cleanup(func() {
		if said := n.said.take(); t.Failed() {
			t.Logf("oidc-provider said:\n%s", said)
		}
	})
	registered := map[string]any{
		"client_id":                           clientID,
		"redirect_uris":                       c.redirectURIs,
		"post_logout_redirect_uris":           c.logoutURIs,
		"backchannel_logout_uri":              c.backChannelURI,
		"backchannel_logout_session_required": true,
		"token_endpoint_auth_method":          "none",
	}
	if c.secret != "" {
		registered["client_secret"] = c.secret
		registered["token_endpoint_auth_method"] = "client_secret_basic"
	}
	maps.Copy(registered, c.registration)
	configuration := map[string]any{"clients": []any{registered}}
	maps.Copy(configuration, c.configuration)
	require.NoError(t, json.NewEncoder(n.in).Encode(configuration))
	issuer, err := n.out.ReadString('\n')
	require.NoError(t, err, "oidc-provider ended")
	issuer = strings.TrimSpace(issuer)
	return provider{
		issuer:    issuer,
		remembers: true,
		asks:      true,
		allow:     func(b *browser, address string) { b.answer(b.open(address), "", "") },
		signOut: func(b *browser) {
			done := b.answer(b.open(issuer+"/session/end"), "logout", "yes")
			assert.Contains(t, done.body, "Sign-out Success")
		},
	}
}

// transcript is what a process says.
type transcript struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(p)
}

// take returns what was said since it was last called.
func (s *transcript) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.said.Reset()
	return s.said.String()
}
