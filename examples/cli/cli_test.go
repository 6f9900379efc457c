package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

// asProgram makes this test binary the program itself.
const asProgram = "PASSPORT_EXAMPLE_AS_PROGRAM"

// patience bounds every wait for what should come at once.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// machine is a user's: a directory for the program, an auth domain that it can
// reach, and a browser.
type machine struct {
	t       *testing.T
	auth    *passporttest.AuthDomain
	browser *http.Client
	env     []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	auth := newStandIn(base)
	server.Config.Handler = auth
	server.Start()
	t.Cleanup(server.Close)
	helper := passporttest.NewServer(passporttest.Options{}) // for its browser
	t.Cleanup(helper.Close)
	return &machine{t: t, auth: auth, browser: helper.Browser(), env: append(os.Environ(),
		asProgram+"=1",
		dirVariable+filepath.Join(t.TempDir(), "cli"),
		"PASSPORT_CLIENT_ID=", "PASSPORT_AUTH_DOMAIN="+base,
		"BROWSER=true", // the command that does nothing
	)}
}

const dirVariable = "PASSPORT_EXAMPLE_DIR="

// dir is the program's directory.
func (m *machine) dir() string {
	i := slices.IndexFunc(m.env, func(setting string) bool { return strings.HasPrefix(setting, dirVariable) })
	return strings.TrimPrefix(m.env[i], dirVariable)
}

// process is a run of the program.
type process struct {
	m   *machine
	cmd *exec.Cmd
	out bytes.Buffer

	lines chan string // of what it tells, until its end
	told  strings.Builder
}

func (m *machine) start(args ...string) *process {
	m.t.Helper()
	self, err := os.Executable()
	require.NoError(m.t, err)
	p := &process{m: m, cmd: exec.Command(self, args...), lines: make(chan string, 100)}
	p.cmd.Env = m.env
	p.cmd.Stdout = &p.out
	stderr, err := p.cmd.StderrPipe()
	require.NoError(m.t, err)
	require.NoError(m.t, p.cmd.Start())
	m.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

// find waits until the program tells something, and returns it.
func (p *process) find(pattern string) string {
	p.m.t.Helper()
	want := regexp.MustCompile(pattern)
	giveUp := time.After(patience)
	for {
		select {
		case line, more := <-p.lines:
			require.True(p.m.t, more, "the program ended without telling %s: %s", pattern, p.told.String())
			p.told.WriteString(line + "\n")
			if found := want.FindString(line); found != "" {
				return found
			}
		case <-giveUp:
			require.FailNow(p.m.t, "the program does not tell "+pattern, p.told.String())
		}
	}
}

// end waits for the end, and returns the exit code and what was printed.
func (p *process) end() (code int, out, told string) {
	p.m.t.Helper()
	watchdog := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer watchdog.Stop()
	for line := range p.lines {
		p.told.WriteString(line + "\n")
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode(), p.out.String(), p.told.String()
}

func (m *machine) run(args ...string) (code int, out, told string) {
	m.t.Helper()
	return m.start(args...).end()
}

const anAddress = `http://[^ ]+`

// post fills in the form of a page.
func (m *machine) post(address string, form url.Values) string {
	m.t.Helper()
	res, err := m.browser.PostForm(address, form)
	require.NoError(m.t, err)
	defer res.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(res.Body)
	require.NoError(m.t, err)
	return text.String()
}

// visit follows an address to the page on which it ends.
func (m *machine) visit(address string) string {
	m.t.Helper()
	res, err := m.browser.Get(address)
	require.NoError(m.t, err)
	defer res.Body.Close()
	return res.Request.URL.String()
}

// choose has the browser go where the program says, and its user be alice.
func (m *machine) choose(p *process) {
	m.t.Helper()
	page := m.visit(p.find(anAddress))
	text := m.post(page, url.Values{"user": {"email|65f1c0ffee00000000a11ce0"}})
	assert.Contains(m.t, text, "You are signed in")
}

func (m *machine) login() {
	m.t.Helper()
	p := m.start("login")
	m.choose(p)
	code, out, told := p.end()
	require.Zero(m.t, code, told)
	assert.Equal(m.t, "Signed in as alice (alice@example.com).\n", out)
}

func TestADayWithTheProgram(t *testing.T) {
	m := newMachine(t)
	code, out, told := m.run("whoami")
	assert.Equal(t, failed, code)
	assert.Empty(t, out)
	assert.Equal(t, "Nobody is signed in. Sign in with: go run ./examples/cli login\n", told)

	m.login()
	code, out, _ = m.run("whoami")
	assert.Equal(t, allWell, code)
	assert.Contains(t, out, "alice (alice@example.com)\n  subject  email|65f1c0ffee00000000a11ce0\n  wallet   0x7a3f")

	p := m.start("logout")
	m.visit(p.find(anAddress))
	code, out, told = p.end()
	assert.Equal(t, allWell, code, told)
	assert.Equal(t, "You are signed out of this program.\nThe refresh token is revoked.\nYour Passport session in the browser has ended.\n", out)
	assert.Empty(t, m.auth.Sessions())
	assert.Empty(t, m.auth.RefreshTokens(passporttest.Live))

	code, _, _ = m.run("whoami")
	assert.Equal(t, failed, code)
}

func TestALocalLogoutSaysWhatItLeaves(t *testing.T) {
	m := newMachine(t)
	m.login()
	code, out, _ := m.run("logout", "--local")
	assert.Equal(t, unconfirmed, code)
	assert.Contains(t, out, "You are signed out of this program.\n")
	assert.Contains(t, out, "The next sign-in asks who you are.")
	assert.Len(t, m.auth.Sessions(), 1)
	_, _, told := m.run("whoami")
	assert.Contains(t, told, "Your Passport session\nin the browser may be open")

	m.login()
	requests := m.auth.Requests("/authorize")
	assert.Equal(t, "login", requests[len(requests)-1].Query.Get("prompt"))
}

func TestARevocationThatFailsIsTriedOnceMoreBeforeTheEnd(t *testing.T) {
	m := newMachine(t)
	m.login()
	m.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable, Times: 1})
	_, out, _ := m.run("logout", "--local")
	assert.Contains(t, out, "The refresh token could not be revoked yet")
	assert.Empty(t, m.auth.RefreshTokens(passporttest.Live))
}

func TestSignsInByACode(t *testing.T) {
	m := newMachine(t)
	m.auth.Inject(passporttest.Fault{Path: "/oauth/device/code", EditAnswer: func(a map[string]any) { a["interval"] = 1 }})
	p := m.start("login", "--device")
	page := p.find(anAddress)
	code := p.find(`[B-Z]{4}-[B-Z]{4}`)
	m.post(page, url.Values{"user_code": {code}, "user": {"google-oauth2|104250000000000000b0b"}})
	status, out, told := p.end()
	assert.Equal(t, allWell, status, told)
	assert.Equal(t, "Signed in as bob (bob@example.com).\n", out)
}

func TestCtrlCEndsAWaitAtOnce(t *testing.T) {
	for name, args := range map[string][]string{
		"login": {"login"}, "device": {"login", "--device"}, "logout": {"logout"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			if name == "logout" {
				m.login()
			}
			p := m.start(args...)
			p.find(anAddress)
			begun := time.Now()
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
			code, _, told := p.end()
			assert.Equal(t, interrupted, code)
			assert.Contains(t, told, "Given up.")
			assert.Less(t, time.Since(begun), 10*time.Second)
			code, _, _ = m.run("whoami")
			assert.Equal(t, failed, code, "nobody is signed in")
			assert.Empty(t, m.auth.RefreshTokens(passporttest.Live))
		})
	}
}

func TestTwoAtOnceLeaveOneSession(t *testing.T) {
	m := newMachine(t)
	programs := []*process{m.start("login"), m.start("login")}
	for _, p := range programs {
		address := p.find(anAddress)
		if page := m.visit(address); strings.Contains(page, "/u/login") {
			m.post(page, url.Values{"user": {"email|65f1c0ffee00000000a11ce0"}})
		}
	}
	var ends sync.WaitGroup
	for _, p := range programs {
		ends.Go(func() {
			code, _, told := p.end()
			assert.Equal(t, allWell, code, told)
		})
	}
	ends.Wait()
	code, _, _ := m.run("whoami")
	assert.Equal(t, allWell, code)
	assert.Len(t, m.auth.RefreshTokens(passporttest.Live), 1)
}

func TestAPortThatIsTakenIsSaid(t *testing.T) {
	m := newMachine(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	base := "http://" + other.Addr().String()
	m.env = append(m.env, "PASSPORT_REDIRECT_URI="+base+"/callback", "PASSPORT_LOGOUT_REDIRECT_URI="+base+"/logout")
	code, _, told := m.run("login")
	assert.Equal(t, failed, code)
	assert.Contains(t, told, "is taken")
	assert.Contains(t, told, "leave the port out")
}

func TestWithoutAnAuthDomainItSaysHowToGetOne(t *testing.T) {
	m := newMachine(t)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	m.env = append(m.env, "PASSPORT_AUTH_DOMAIN=http://"+gone.Addr().String())
	for _, args := range [][]string{{"login"}, {"login", "--device"}} {
		code, _, told := m.run(args...)
		assert.Equal(t, failed, code)
		assert.Contains(t, told, "go run ./examples/cli serve")
	}
	code, out, told := m.run("logout")
	assert.Equal(t, unconfirmed, code)
	assert.Contains(t, told, "go run ./examples/cli serve")
	assert.Contains(t, out, "You were not signed in to this program.")
}

func TestALogoutThatCannotBeStoredPromisesNothing(t *testing.T) {
	m := newMachine(t)
	m.login()
	lock := filepath.Join(m.dir(), "session.json.lock")
	require.NoError(t, os.Remove(lock))
	require.NoError(t, os.Mkdir(lock, 0o700)) // nothing can be written
	code, out, told := m.run("logout", "--local")
	assert.Equal(t, failed, code)
	assert.Equal(t, "You could not be signed out of this program.\n", out)
	assert.Contains(t, told, lock)
	code, _, _ = m.run("whoami")
	assert.Equal(t, allWell, code, "as it said")

	require.NoError(t, os.Remove(lock))
	_, out, _ = m.run("logout", "--local")
	assert.Contains(t, out, "You are signed out of this program.")
	assert.Empty(t, m.auth.RefreshTokens(passporttest.Live))
}

func TestNoSecretIsPrinted(t *testing.T) {
	m := newMachine(t)
	m.login()
	_, out, told := m.run("whoami")
	p := m.start("logout")
	p.find(anAddress)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	_, out2, told2 := p.end()
	all := out + told + out2 + told2
	for _, token := range m.auth.RefreshTokens() {
		assert.NotContains(t, all, token.Value)
	}
	assert.NotContains(t, all, "eyJ", "no JWT")
}

func TestOnlyABrowserIsSaidNotToHaveComeBack(t *testing.T) {
	said := explain(fmt.Errorf("native: the session store could not answer: %w", context.DeadlineExceeded))
	assert.NotContains(t, said, "browser")
	assert.Contains(t, said, "the session store could not answer")
}

func TestAWrongCallSaysHowItIsCalled(t *testing.T) {
	for _, args := range [][]string{{"sign-in"}, {"login", "--devise"}, {"logout", "now"}, {"whoami", "--local"}} {
		var out, told bytes.Buffer
		assert.Equal(t, misused, run(context.Background(), args, terminal{&out, &told}), args)
		assert.Contains(t, told.String(), "Usage:")
	}
	for _, args := range [][]string{{}, {"help"}, {"--help"}, {"login", "-h"}} {
		var out, told bytes.Buffer
		assert.Equal(t, allWell, run(context.Background(), args, terminal{&out, &told}), args)
		assert.Contains(t, out.String(), "Usage:")
	}
}

func TestTheStandInIsServedUntilCtrlC(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + free.Addr().String()
	require.NoError(t, free.Close())
	t.Setenv("PASSPORT_AUTH_DOMAIN", base)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, terminal{new(bytes.Buffer), new(bytes.Buffer)}) }()
	require.Eventually(t, func() bool {
		res, err := http.Get(base + "/.well-known/openid-configuration")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, patience, 10*time.Millisecond)
	assert.ErrorContains(t, serve(t.Context(), terminal{new(bytes.Buffer), new(bytes.Buffer)}), "or is already")
	stop()
	require.NoError(t, <-ended)
}
