package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServeIsOnLoopbackAlone(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		assert.Equal(t, exitBadUsage, call(t, "", "serve", "-addr", addr).code, addr)
	}
	assert.Equal(t, exitBadUsage, call(t, "", "serve", "-user", "").code)
	assert.Equal(t, exitFailed, call(t, "", "serve", "-client", "").code)
}

func TestServeUntilTheSignal(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	var warning bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, terminal{out: write, err: &warning}, []string{
			"serve", "-addr", "127.0.0.1:0", "-auto", "-client", "shop", "-redirect", "http://localhost:3000/redirect", "-user", "bob@example.com",
		})
	}()
	out := bufio.NewScanner(read)
	require.True(t, out.Scan())
	auth, ok := strings.CutPrefix(out.Text(), "PASSPORT_AUTH_DOMAIN=")
	require.True(t, ok, out.Text())
	require.True(t, out.Scan())
	assert.Equal(t, "PASSPORT_CLIENT_ID=shop", out.Text())

	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for uri, want := range map[string]int{"http://localhost:3000/redirect": http.StatusFound, "http://localhost:3000/other": http.StatusBadRequest} {
		res, err := client.Get(auth + "/authorize?" + url.Values{
			"client_id": {"shop"}, "redirect_uri": {uri}, "response_type": {"code"},
			"code_challenge": {"x"}, "code_challenge_method": {"S256"},
		}.Encode())
		require.NoError(t, err)
		assert.Equal(t, want, res.StatusCode, uri)
		require.NoError(t, res.Body.Close())
	}
	stop()
	assert.Equal(t, exitOK, <-ended)
	assert.Contains(t, warning.String(), "NEVER FOR PRODUCTION")
	_, err := client.Get(auth + "/authorize")
	assert.Error(t, err)
}
