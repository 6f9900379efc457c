package passporttest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

// clock is moved by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// claimsOf decodes a token without verifying it.
func claimsOf(t *testing.T, token any) map[string]any {
	t.Helper()
	return decodePart(t, token, 1)
}

func headerOf(t *testing.T, token any) map[string]any {
	t.Helper()
	return decodePart(t, token, 0)
}

func decodePart(t *testing.T, token any, i int) map[string]any {
	t.Helper()
	raw, _ := token.(string)
	parts := strings.Split(raw, ".")
	require.Len(t, parts, 3, "not a JWT")
	decoded, err := base64.RawURLEncoding.DecodeString(parts[i])
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(decoded, &object))
	return object
}

// post sends a form and returns the status and the JSON object that came back,
// if one did.
func post(t *testing.T, client *http.Client, rawURL string, form url.Values) (*http.Response, map[string]any) {
	t.Helper()
	resp, err := client.PostForm(rawURL, form)
	require.NoError(t, err)
	defer resp.Body.Close()
	var object map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&object)
	return resp, object
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

// onlyClient returns options with one client of the given kind.
func onlyClient(c passporttest.Client) passporttest.Options {
	return passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{c}}
}

// await waits for n requests, and fails the test if they do not come.
func await(t *testing.T, auth *passporttest.Server, path string, n int) []passporttest.Request {
	t.Helper()
	requests, err := auth.Await(t.Context(), path, n)
	require.NoError(t, err)
	return requests
}
