package usertest

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Events is a stream of server-sent events that a page has open.
type Events struct {
	lines *bufio.Scanner
	t     testing.TB
}

// Events opens a stream, and waits for its first event.
func (b *Browser) Events(path string) *Events {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.Base+path, nil)
	require.NoError(b.t, err)
	r.Header.Set("Accept", "text/event-stream")
	res, err := b.Client.Do(r)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(b.t, http.StatusOK, res.StatusCode)
	lines := bufio.NewScanner(res.Body)
	require.True(b.t, lines.Scan(), lines.Err())
	require.True(b.t, strings.HasPrefix(lines.Text(), "data: "), lines.Text())
	return &Events{lines, b.t}
}

// EndSignedOut waits for the end of the stream, which says why it ends.
func (e *Events) EndSignedOut() {
	e.t.Helper()
	said := false
	for e.lines.Scan() {
		said = said || e.lines.Text() == "event: signed-out"
	}
	require.NoError(e.t, e.lines.Err(), "the stream does not end by itself")
	assert.True(e.t, said, "it does not say why it ends")
}
