package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/redistest"
	"github.com/passport-go/passport/passporttest"
)

// drain is long enough for a test to look at an instance that is stopping.
const drain = time.Second

// instance is one of those that share a Redis, at an address of its own.
type instance struct {
	url  string
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, listener net.Listener) *instance {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	i := &instance{url: "http://" + listener.Addr().String(), stop: stop, done: make(chan error, 1)}
	go func() { i.done <- run(ctx, listener, drain) }()
	t.Cleanup(stop)
	return i
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// environment is what kubernetes.yaml sets, for instances whose first is at base.
func environment(t *testing.T, base string) *passporttest.Server {
	t.Helper()
	server, err := redistest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	t.Cleanup(auth.Close)

	key := make([]byte, 32)
	_, _ = rand.Read(key)
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600))
	for name, value := range map[string]string{
		"PASSPORT_AUTH_DOMAIN":          auth.URL,
		"PASSPORT_CLIENT_ID":            passporttest.ClientID,
		"PASSPORT_REDIRECT_URI":         base + "/redirect",
		"PASSPORT_LOGOUT_REDIRECT_URI":  base + "/",
		"PASSPORT_ENCRYPTION_KEYS_FILE": keys,
		"REDIS_URL":                     "redis://" + server.Addr,
	} {
		t.Setenv(name, value)
	}
	return auth
}

func get(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	res, err := client.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(data)
}

// A secret made from a file ends in a newline, for which url.Parse quotes all of it.
func TestAnAddressWithAPasswordIsReadAndNeverQuoted(t *testing.T) {
	environment(t, "http://localhost")
	t.Setenv("REDIS_URL", os.Getenv("REDIS_URL")+"\n")
	i := start(t, listen(t))
	require.Eventually(t, func() bool {
		res, err := http.Get(i.url + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, 10*time.Second, 10*time.Millisecond)
	i.stop()
	require.NoError(t, <-i.done)

	for _, url := range []string{"redis://app:hu%sh@localhost:6379", "redis://app:hu#sh@localhost:6379", "redis://app:hu/sh@localhost:6379", "redis://app:hu\nsh@localhost:6379"} {
		t.Setenv("REDIS_URL", url)
		err := run(t.Context(), listen(t), drain)
		require.ErrorContains(t, err, "REDIS_URL")
		assert.NotContains(t, err.Error(), "hu")
	}
}

func TestNobodyNoticesARestart(t *testing.T) {
	first, second := listen(t), listen(t)
	auth := environment(t, "http://"+first.Addr().String())
	a, b := start(t, first), start(t, second)
	browser := auth.Browser()
	_, page := get(t, browser, a.url+"/login")
	require.Contains(t, page, "You are signed in.")
	stream, err := browser.Get(a.url + "/events")
	require.NoError(t, err)
	defer stream.Body.Close()
	said := bufio.NewReader(stream.Body)
	line, err := said.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "data: ")

	a.stop() // SIGTERM
	assert.Eventually(t, func() bool {
		status, _ := get(t, http.DefaultClient, a.url+"/readyz")
		return status == http.StatusServiceUnavailable
	}, drain, time.Millisecond, "the proxy learns of it")
	_, page = get(t, browser, a.url+"/")
	assert.Contains(t, page, "You are signed in.", "it still answers")
	_, err = io.Copy(io.Discard, said)
	assert.NoError(t, err, "the stream ends without an error")
	select {
	case err := <-a.done:
		assert.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.Fail(t, "the instance does not end")
	}

	_, page = get(t, browser, b.url+"/")
	assert.Contains(t, page, "You are signed in.", "the session goes on at the other instance")
	status, _ := get(t, http.DefaultClient, b.url+"/readyz")
	assert.Equal(t, http.StatusOK, status)
	b.stop()
	assert.NoError(t, <-b.done)
}

// TestTheManifestFitsTheProgram: names of the environment, probes, ports and times.
func TestTheManifestFitsTheProgram(t *testing.T) {
	data, err := os.ReadFile("kubernetes.yaml")
	require.NoError(t, err)
	manifest := string(data)
	table, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	variables := regexp.MustCompile(`name: PASSPORT_(\w+)`).FindAllStringSubmatch(manifest, -1)
	require.NotEmpty(t, variables)
	for _, v := range variables {
		name := strings.ToLower(strings.TrimSuffix(v[1], "_FILE"))
		assert.Contains(t, string(table), "| `"+name+"` |")
	}
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	for _, probe := range regexp.MustCompile(`path: (/\w+)`).FindAllStringSubmatch(manifest, -1) {
		assert.Contains(t, string(source), `"GET `+probe[1]+`"`)
	}
	port := regexp.MustCompile(`containerPort: (\d+)`).FindStringSubmatch(manifest)
	require.NotNil(t, port)
	assert.Contains(t, string(source), `":`+port[1]+`"`)

	grace := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindStringSubmatch(manifest)
	require.NotNil(t, grace)
	seconds, err := strconv.Atoi(grace[1])
	require.NoError(t, err)
	assert.Greater(t, time.Duration(seconds)*time.Second, 5*time.Second+20*time.Second, "drain and grace")
}

func TestAWrongSettingIsNamed(t *testing.T) {
	environment(t, "http://127.0.0.1:1")
	t.Setenv("PASSPORT_IDLE_TIMEOUT", "12")
	err := run(t.Context(), listen(t), drain)
	assert.ErrorContains(t, err, "PASSPORT_IDLE_TIMEOUT")
	t.Setenv("PASSPORT_IDLE_TIMEOUT", "12h")
	t.Setenv("PASSPORT_CLIENT_ID", "")
	err = run(t.Context(), listen(t), drain)
	assert.ErrorContains(t, err, "Config.ClientID")
}
