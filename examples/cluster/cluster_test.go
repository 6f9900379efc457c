package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const alice = "email|65f1c0ffee00000000a11ce0"

// noticed is well below the time after which a session that has ended would be
// found out without a notice.
const noticed = 10 * time.Second

// start runs a cluster, with a Redis of its own, until the test ends.
func start(t *testing.T) *cluster {
	t.Helper()
	t.Setenv("REDIS_ADDR", "")
	listener, err := listen("0")
	require.NoError(t, err)
	c, err := newCluster(t.Context(), listener, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	return c
}

// visitor is a user at a browser without a screen, in front of the proxy.
type visitor struct {
	*http.Client
	t *testing.T
	c *cluster
}

func visit(t *testing.T, c *cluster) *visitor { return &visitor{c.auth.Browser(), t, c} }

type answer struct {
	*http.Response
	body string
}

func (v *visitor) read(res *http.Response, err error) answer {
	v.t.Helper()
	require.NoError(v.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(v.t, err)
	return answer{res, string(body)}
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	return v.read(v.Get(v.c.base + path))
}

func (v *visitor) post(path string, form url.Values) answer {
	v.t.Helper()
	return v.read(v.PostForm(v.c.base+path, form))
}

// signIn goes through the sign-in page as Alice, and ends on the home page.
func (v *visitor) signIn() answer {
	v.t.Helper()
	page := v.get("/login")
	require.Equal(v.t, "/u/login", page.Request.URL.Path, page.body)
	home := v.read(v.PostForm(page.Request.URL.String(), url.Values{"user": {alice}}))
	require.Equal(v.t, v.c.base+"/", home.Request.URL.String(), home.body)
	require.Contains(v.t, home.body, "alice’s sessions")
	return home
}

// event is what a stream says.
type event struct{ name, data string }

// stream opens one, and returns the instance that carries it and what it says
// from then on. The channel is closed when the stream ends.
// streamRequest is what an EventSource asks for.
func (v *visitor) streamRequest() *http.Request {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.c.base+"/live", nil)
	require.NoError(v.t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Dest", "empty")
	return r
}

func (v *visitor) stream() (instance string, events <-chan event) {
	v.t.Helper()
	res, err := v.Do(v.streamRequest())
	require.NoError(v.t, err)
	require.Equal(v.t, "text/event-stream", res.Header.Get("Content-Type"))
	said := make(chan event, 4)
	go func() {
		defer close(said)
		defer res.Body.Close()
		var e event
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				said <- e
			}
		}
	}()
	first := v.next(said, patience)
	require.Equal(v.t, "carried", first.name)
	return first.data, said
}

// next waits for what a stream says, or for its end, which is the zero event.
func (v *visitor) next(events <-chan event, within time.Duration) event {
	v.t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(within):
		require.FailNow(v.t, "the stream says nothing")
		return event{}
	}
}

func other(instance string) string {
	if instance == "A" {
		return "B"
	}
	return "A"
}

var endButton = regexp.MustCompile(`name="session" value="([^"]+)"`)

func TestASignOutOnOneInstanceEndsTheStreamOnTheOther(t *testing.T) {
	c := start(t)
	for turn, carrier := range []string{"A", "B"} {
		v := visit(t, c)
		v.signIn()
		c.next.Store(uint64(turn))
		name, events := v.stream()
		require.Equal(t, carrier, name)

		out := v.post("/logout", nil) // the proxy's next turn: the other instance
		assert.Equal(t, event{"ended", "Signed out on instance " + other(carrier)}, v.next(events, noticed))
		assert.Equal(t, event{}, v.next(events, noticed), "the stream is over")
		assert.Contains(t, out.body, "Sign in with Passport")
		assert.Contains(t, v.get("/").body, "Sign in with Passport", "on the other instance too")
		assert.Empty(t, c.auth.Sessions())
	}
}

func TestInstancesTakeTurns(t *testing.T) {
	v := visit(t, start(t))
	v.signIn()
	seen := regexp.MustCompile(`from instance <b class="badge (.)">`)
	first := seen.FindStringSubmatch(v.get("/").body)
	second := seen.FindStringSubmatch(v.get("/").body)
	require.Len(t, first, 2)
	require.Len(t, second, 2)
	assert.Equal(t, other(first[1]), second[1])
}

func TestAnotherSessionIsListedAndEnded(t *testing.T) {
	c := start(t)
	here, there := visit(t, c), visit(t, c)
	there.signIn()
	_, events := there.stream()
	home := here.signIn()
	buttons := endButton.FindAllStringSubmatch(home.body, -1)
	require.Len(t, buttons, 1, "one for the other session: %s", home.body)

	home = here.post("/end", url.Values{"session": {buttons[0][1]}})
	assert.Equal(t, "ended", there.next(events, noticed).name)
	assert.Contains(t, home.body, "alice’s sessions", "this session lives on")
	assert.NotRegexp(t, endButton, home.body)
	assert.Equal(t, http.StatusUnauthorized, there.read(there.Do(there.streamRequest())).StatusCode, "a stream does not come back")
}

func TestEverywhereElseSparesThisSession(t *testing.T) {
	c := start(t)
	here := visit(t, c)
	var streams []<-chan event
	for range 2 {
		there := visit(t, c)
		there.signIn()
		_, events := there.stream()
		streams = append(streams, events)
	}
	home := here.signIn()
	require.Len(t, endButton.FindAllString(home.body, -1), 2)
	_, own := here.stream()

	home = here.post("/end-others", nil)
	for _, events := range streams {
		assert.Equal(t, "ended", here.next(events, noticed).name)
	}
	assert.NotRegexp(t, endButton, home.body)
	assert.Empty(t, own, "this browser's stream goes on")
	here.post("/logout", nil)
	assert.Equal(t, "ended", here.next(own, noticed).name)
}

func TestNobodyEndsTheSessionsOfOthers(t *testing.T) {
	c := start(t)
	v, stranger := visit(t, c), visit(t, c)
	visit(t, c).signIn()
	id := endButton.FindStringSubmatch(v.signIn().body)[1]
	page := stranger.get("/login")
	stranger.read(stranger.PostForm(page.Request.URL.String(), url.Values{"user": {"google-oauth2|104250000000000000b0b"}}))

	assert.Equal(t, http.StatusNotFound, stranger.post("/end", url.Values{"session": {id}}).StatusCode)
	assert.Len(t, endButton.FindAllString(v.get("/").body, -1), 1, "it lives on")
}

func TestThePageRunsNothingThatIsNotItsOwn(t *testing.T) {
	home := visit(t, start(t)).signIn()
	assert.Contains(t, home.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
	assert.NotContains(t, home.Header.Get("Content-Security-Policy"), "unsafe")
	assert.NotRegexp(t, `(?i)<style|\sstyle=|\son\w+=|<script(\s[^>]*)?>[^<]`, home.body)
}

func TestTheProgramStopsEverythingThatItStarted(t *testing.T) {
	t.Setenv("REDIS_ADDR", "")
	listener, err := listen("0")
	require.NoError(t, err)
	c, err := newCluster(t.Context(), listener, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx) }()
	v := visit(t, c)
	v.signIn()
	_, events := v.stream() // open when the program stops

	stop()
	assert.Equal(t, event{}, v.next(events, patience), "the stream ends without a word: nobody was signed out")
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(2 * patience):
		require.FailNow(t, "the program does not end")
	}
	for _, addr := range []string{listener.Addr().String(), c.instances[0].listener.Addr().String(), c.redis.addr} {
		_, err := net.Dial("tcp", addr)
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
	_, err = os.Stat(c.redis.dir)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestARedisThatRunsAlreadyIsUsedAndLeftRunning(t *testing.T) {
	theirs, err := startRedis(t.Context())
	require.NoError(t, err)
	defer func() { assert.NoError(t, theirs.stop()) }()
	t.Setenv("REDIS_ADDR", theirs.addr)
	ours, err := openRedis(t.Context())
	require.NoError(t, err)
	assert.Equal(t, theirs.addr, ours.addr)
	require.NoError(t, ours.stop())
	assert.NoError(t, theirs.ping(t.Context()))
}

func TestWhatIsMissingIsSaidClearly(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)

	t.Run("the port", func(t *testing.T) {
		t.Setenv("PORT", port)
		err := run(t.Context(), io.Discard)
		assert.ErrorIs(t, err, syscall.EADDRINUSE)
		assert.ErrorContains(t, err, "port "+port+" cannot be used")
		assert.ErrorContains(t, err, "PORT=3002 go run ./examples/cluster", "the way out")
	})
	t.Run("redis-server", func(t *testing.T) {
		t.Setenv("PORT", "0")
		t.Setenv("REDIS_ADDR", "")
		t.Setenv("PATH", t.TempDir())
		err := run(t.Context(), io.Discard)
		assert.ErrorContains(t, err, "on Debian, the package redis-server")
		assert.ErrorContains(t, err, "REDIS_ADDR")
	})
	t.Run("the server at REDIS_ADDR", func(t *testing.T) {
		t.Setenv("PORT", "0")
		t.Setenv("REDIS_ADDR", "127.0.0.1:1")
		err := run(t.Context(), io.Discard)
		assert.ErrorContains(t, err, "no Redis answers at REDIS_ADDR 127.0.0.1:1")
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestABrowserIsLabelledByWhatItSaysOfItself(t *testing.T) {
	for userAgent, label := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                           "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0":        "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                  "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile Safari/604.1": "Safari on iPhone",
		"curl/8.14": "Some browser",
	} {
		assert.Equal(t, label, browser(userAgent))
	}
}
