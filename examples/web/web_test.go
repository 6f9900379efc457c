package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// visitor is a user at a browser without a screen.
type visitor struct {
	*http.Client
	t    *testing.T
	s    *site
	base string
}

// start serves the site and returns somebody who visits it.
func start(t *testing.T) *visitor {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	auth := standIn(base, false)
	s, err := newSite(base, passport.Config{ClientID: clientID, AuthDomain: auth.URL}, auth)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.close()) })
	server.Config.Handler = s.handler()
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(s.journal.close)

	browser := auth.Browser()
	browser.Transport = navigation{browser.Transport}
	return &visitor{Client: browser, t: t, s: s, base: base}
}

// navigation says of GET requests what a browser says when it loads a page.
type navigation struct{ http.RoundTripper }

func (n navigation) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		r = r.Clone(r.Context())
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	return n.RoundTripper.RoundTrip(r)
}

type answer struct {
	*http.Response
	body string
}

func (v *visitor) do(method, path string, form url.Values, header ...string) answer {
	v.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = v.base + path
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, path, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := v.Do(r)
	require.NoError(v.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(v.t, err)
	return answer{res, string(body)}
}

func (v *visitor) get(path string) answer { v.t.Helper(); return v.do(http.MethodGet, path, nil) }

func (v *visitor) post(path string, form url.Values, header ...string) answer {
	v.t.Helper()
	return v.do(http.MethodPost, path, form, header...)
}

// signIn goes through the sign-in page as Alice.
func (v *visitor) signIn() answer {
	v.t.Helper()
	page := v.get("/login")
	require.Equal(v.t, "/u/login", page.Request.URL.Path, page.body)
	home := v.post(page.Request.URL.String(), url.Values{"user": {"email|65f1c0ffee00000000a11ce0"}})
	require.Equal(v.t, v.base+"/", home.Request.URL.String(), home.body)
	return home
}

// eventually polls the page until it says text.
func (v *visitor) eventually(text string) {
	v.t.Helper()
	require.Eventually(v.t, func() bool { return strings.Contains(v.get("/").body, text) },
		patience, time.Millisecond, "the page says: %s", text)
}

func TestSignInShowsTheProfile(t *testing.T) {
	v := start(t)
	assert.Contains(t, v.get("/").body, "Nobody is signed in yet.")
	home := v.signIn()
	for _, text := range []string{
		"alice@example.com", "email|65f1c0ffee00000000a11ce0", "0x7a3fE1c58b2D4906aC4e5d0B9f1263784Ea11ce1",
		"0x1d9B04e7c63A85f2De71b60C94a8f53702Ea11ce", "Both sessions are alive.", "The app session begins",
	} {
		assert.Contains(t, home.body, text)
	}
	assert.Equal(t, "no-store", home.Header.Get("Cache-Control"))
	v.eventually("The user signed in. The Passport session begins")
}

func TestRedirectLogoutEndsBothSessions(t *testing.T) {
	v := start(t)
	v.signIn()
	home := v.post("/logout", url.Values{"mode": {"redirect"}})
	assert.Equal(t, v.base+"/", home.Request.URL.String())
	assert.Contains(t, home.body, "Both sessions have ended.")
	assert.Contains(t, home.body, "that session is known to have ended")
	assert.NotContains(t, home.body, "alice")
	assert.NotContains(t, home.body, "Finish signing out")
	assert.Empty(t, v.s.auth.Sessions())
	v.eventually("It came with the cookie: the Passport session has ended.")
	v.eventually(`<div class="done"><dt>Revocation</dt><dd>done</dd></div>`)
	assert.Empty(t, v.s.auth.RefreshTokens(passporttest.Live))
}

// A browser that withholds the cookie from the iframe.
func TestSilentLogoutWithoutProofOffersToFinish(t *testing.T) {
	v := start(t)
	v.signIn()
	var said struct{ Mode, URL, App, Passport string }
	logout := v.post("/logout", url.Values{"mode": {"silent"}}, "Accept", "application/json")
	require.NoError(t, json.Unmarshal([]byte(logout.body), &said), logout.body)
	assert.Equal(t, "silent", said.Mode)
	assert.Equal(t, "done", said.App)

	stranger := &visitor{Client: v.s.auth.Client(), t: t, s: v.s, base: v.base}
	callback := stranger.do(http.MethodGet, said.URL, nil, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, silentPath, callback.Request.URL.Path)
	assert.Contains(t, callback.Header.Get("Content-Security-Policy"), "frame-ancestors "+v.base, "the callback may be framed by the site")

	home := v.get("/")
	assert.Contains(t, home.body, "Signed out of this site. The Passport session is still alive.")
	assert.Contains(t, home.body, `<div class="unconfirmed"><dt>Passport</dt><dd>unconfirmed</dd></div>`)
	v.eventually("The browser withheld the cookie")

	finish := regexp.MustCompile(`href="([^"]*)">Finish signing out`).FindStringSubmatch(home.body)
	require.Len(t, finish, 2, home.body)
	home = v.get(strings.ReplaceAll(finish[1], "&amp;", "&"))
	assert.Contains(t, home.body, "Both sessions have ended.")
	assert.NotContains(t, home.body, "Finish signing out")
}

// The iframe's cookie reached the auth domain, which the site cannot see.
func TestSilentLogoutIsConfirmedByTheAuthDomain(t *testing.T) {
	v := start(t)
	v.signIn()
	v.post("/logout", url.Values{"mode": {"silent"}}, "Accept", "application/json")
	require.Contains(t, v.get("/").body, "Finish signing out")
	require.True(t, v.s.auth.EndSession(v.s.auth.Sessions()[0].SID))
	home := v.get("/")
	assert.Contains(t, home.body, "Both sessions have ended.")
	assert.Contains(t, home.body, "A logout token came")
	assert.Contains(t, home.body, `<div class="done"><dt>Passport</dt><dd>done</dd></div>`)
	assert.NotContains(t, home.body, "Finish signing out")
}

func TestEachBrowserIsShownItsOwnSessions(t *testing.T) {
	v := start(t)
	other := &visitor{Client: v.s.auth.Browser(), t: t, s: v.s, base: v.base}
	v.signIn()
	assert.Contains(t, other.get("/").body, "Nobody is signed in yet.")
	other.signIn()
	v.post("/logout", nil)
	assert.Contains(t, v.get("/").body, "Both sessions have ended.")
	assert.Contains(t, other.get("/").body, "Both sessions are alive.")
}

func TestFaultsComeAndGo(t *testing.T) {
	v := start(t)
	for _, f := range faults {
		page := v.post("/fault", url.Values{"fault": {f.Name}})
		assert.Contains(t, page.body, `value="`+f.Name+`" aria-pressed="true"`)
	}
	v.post("/fault", url.Values{"fault": {"revocation"}})
	v.signIn()
	v.post("/logout", nil)
	v.eventually("The revocation failed, and will be tried again")
	assert.Contains(t, v.get("/").body, "Both sessions have ended.", "the sign-out goes through all the same")

	v.post("/fault", url.Values{"fault": {""}})
	v.eventually("The refresh token is revoked")

	assert.Equal(t, http.StatusBadRequest, v.post("/fault", url.Values{"fault": {"no such"}}).StatusCode)
	assert.Equal(t, http.StatusForbidden, v.post("/fault", nil, "Sec-Fetch-Site", "cross-site").StatusCode, "another site cannot")
}

func TestThePageReportsWhatOnlyItCanSee(t *testing.T) {
	v := start(t)
	v.signIn()
	v.post("/logout", url.Values{"mode": {"silent"}}, "Accept", "application/json")
	for name, st := range reports {
		assert.Equal(t, http.StatusNoContent, v.post("/steps", url.Values{"step": {name}}).StatusCode)
		assert.Contains(t, v.get("/").body, st.Text)
	}
	assert.Equal(t, http.StatusBadRequest, v.post("/steps", url.Values{"step": {"<script>"}}).StatusCode)
	assert.True(t, reportTime("0").IsZero(), "a clock that is not ours")
}

func TestLivePanelFollowsAndEnds(t *testing.T) {
	v := start(t)
	v.signIn()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.base+"/live", nil)
	require.NoError(t, err)
	res, err := v.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))

	seen := make(chan string)
	go func() {
		defer close(seen)
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			seen <- lines.Text()
		}
	}()
	until := func(text string) {
		t.Helper()
		deadline := time.After(patience)
		for {
			select {
			case line, open := <-seen:
				require.True(t, open, "the stream ended before it said: %s", text)
				if strings.Contains(line, text) {
					return
				}
			case <-deadline:
				require.FailNow(t, "the stream does not say: "+text)
			}
		}
	}
	until("Both sessions are alive.")
	v.post("/logout", nil)
	until("Both sessions have ended.")

	v.s.journal.close()
	for range seen { // ends with the stream
	}
}

func TestPagesRunNothingThatIsNotTheirs(t *testing.T) {
	v := start(t)
	home := v.signIn()
	policy := home.Header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		assert.Contains(t, policy, directive)
	}
	assert.NotContains(t, policy, "unsafe")

	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son\w+=|<script(\s[^>]*)?>[^<]`)
	elsewhere := regexp.MustCompile(`(?i)(src|href|action|url\()\s*[=(]?\s*["']?(https?:)?//`)
	for name, body := range map[string]string{"signed in": home.body, "signed out": v.post("/logout", nil).body} {
		assert.NotRegexp(t, inline, body, name)
		assert.NotRegexp(t, elsewhere, body, name)
	}
	files, err := fs.Glob(static, "static/*")
	require.NoError(t, err)
	for _, name := range files {
		served := v.get("/" + name)
		assert.Equal(t, http.StatusOK, served.StatusCode, name)
		assert.NotRegexp(t, elsewhere, served.body, name)
	}
	assert.Equal(t, http.StatusOK, v.get("/passport.js").StatusCode)
}

func TestATakenPortIsSaidClearly(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	t.Setenv("PORT", port)

	err = run(t.Context(), io.Discard, false)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "port "+port+" cannot be used")
	assert.Contains(t, err.Error(), "address already in use")
	assert.Contains(t, err.Error(), "PORT=3001 go run ./examples/web", "the way out")
}

func TestTheProgramServesUntilItIsStopped(t *testing.T) {
	t.Setenv("PORT", "0")
	t.Setenv("PASSPORT_CLIENT_ID", "")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, in, true) }()

	lines := bufio.NewScanner(out)
	address := regexp.MustCompile(`http://localhost:\d+`)
	var base string
	for base == "" && lines.Scan() {
		base = address.FindString(lines.Text())
	}
	require.NoError(t, lines.Err())
	go func() { _, _ = io.Copy(io.Discard, out) }()
	require.NotEmpty(t, base)
	res, err := http.Get(base + "/live") // open when the program stops
	require.NoError(t, err)
	defer res.Body.Close()

	stop()
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(patience):
		require.FailNow(t, "the program does not end")
	}
	_, err = http.Get(base)
	assert.Error(t, err)
}

func TestWithAClientIDItIsTheRealAuthDomain(t *testing.T) {
	t.Setenv("PASSPORT_CLIENT_ID", "an id from Hub")
	t.Setenv("PASSPORT_AUTH_DOMAIN", "")
	s, err := open("http://localhost:3000", false)
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.close()) }()
	for _, text := range []string{
		"https://auth.immutable.com", "http://localhost:3000/redirect",
		"http://localhost:3000/signed-out", "http://localhost:3000/silent-logout",
	} {
		assert.Contains(t, s.about(), text)
	}

	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/login", nil))
	assert.Equal(t, http.StatusSeeOther, w.Code)
	assert.Regexp(t, `^https://auth\.immutable\.com/authorize\?.*client_id=an\+id\+from\+Hub`, w.Header().Get("Location"))

	w = httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/fault", nil))
	assert.Equal(t, http.StatusNotFound, w.Code, "nothing can be made to fail there")
}
