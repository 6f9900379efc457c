// Package spatest builds examples/spa and uses it.
package spatest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/npmtest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

const web = "../../../examples/spa/web"

func TestTheExampleHasTheTypesOfThisVersion(t *testing.T) {
	want, err := os.ReadFile("../../pages/passport.d.ts")
	require.NoError(t, err)
	got, err := os.ReadFile(web + "/src/passport.d.ts")
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "copy internal/pages/passport.d.ts there")
}

func TestASinglePageAppSignsInAndOut(t *testing.T) {
	npmtest.Install(t, web)
	dist := filepath.Join(t.TempDir(), "dist")
	var wait sync.WaitGroup
	wait.Go(func() {
		out, err := npmtest.Run(t, web, "tsc")
		assert.NoError(t, err, out)
	})
	out, err := npmtest.Run(t, web, "vite", "build", "--outDir", dist)
	wait.Wait()
	require.NoError(t, err, out)
	program := filepath.Join(t.TempDir(), "spa")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/passport-go/passport/examples/spa").CombinedOutput()
	require.NoError(t, err, "%s", built)

	t.Run("silently", func(t *testing.T) {
		home := start(t, program, "-dist", dist, "-silent")
		tab, other := signedIn(t, home)
		tab.Run(`window.same = true`)
		tab.Click("button")
		tab.Wait(`document.querySelector("h1")?.textContent === "You are signed out"`)
		assert.True(t, browsertest.Eval[bool](tab, `window.same`), "the page stays")
		other.Wait(`document.querySelector("h1")?.textContent === "You are signed out"`)

		// The auth domain is of another site, so nothing proves that it has got its cookie.
		tab.Wait(`document.querySelector("p a")?.textContent === "Sign out of Passport"`)
		tab.Screenshot("spa-unconfirmed")
		tab.Click("p a")
		tab.Wait(`!window.same && location.href === "` + home + `/" && document.querySelector("h1")?.textContent === "You are signed out"`)
		withoutComplaints(t, tab, other)
	})
	t.Run("by redirect", func(t *testing.T) {
		home := start(t, program, "-dist", dist)
		tab, other := signedIn(t, home)
		tab.Run(`window.same = true`)
		tab.Click("button")
		tab.Wait(`!window.same && location.href === "` + home + `/" && document.querySelector("h1")?.textContent === "You are signed out"`)
		assert.False(t, browsertest.Eval[bool](tab, `!!document.querySelector("p a")`))
		other.Wait(`document.querySelector("h1")?.textContent === "You are signed out"`)
		withoutComplaints(t, tab, other)
	})
}

// signedIn opens the app in two tabs of a user who has signed in.
func signedIn(t *testing.T, home string) (tab, other *browsertest.Tab) {
	t.Helper()
	profile := browsertest.Open(t, browsertest.Blocked)
	tab, other = profile.Tab(), profile.Tab()
	tab.Go(home)
	tab.Click(`a[href="/login"]`)
	tab.Wait(`location.origin !== "` + home + `" && document.querySelector("button.user")`)
	tab.Click("button.user")
	const hello = `document.querySelector("h1")?.textContent === "Hello, alice@example.com"`
	tab.Wait(hello + ` && document.querySelector("li")`)
	tab.Screenshot("spa-signed-in")
	other.Go(home)
	other.Wait(hello)
	return tab, other
}

func withoutComplaints(t *testing.T, tabs ...*browsertest.Tab) {
	t.Helper()
	for _, tab := range tabs {
		for _, line := range tab.Console() {
			assert.NotContains(t, line, "Content Security Policy")
		}
	}
}

// start runs the program on a free port, and returns its address.
func start(t *testing.T, file string, arguments ...string) string {
	t.Helper()
	program := exec.Command(file, arguments...)
	program.Env = append(program.Environ(), "PORT=0")
	stdout, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	t.Cleanup(func() {
		assert.NoError(t, program.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, program.Wait())
	})
	opens := regexp.MustCompile(`Open (\S+) and sign in`)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if found := opens.FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	require.FailNow(t, "the example does not say where it is")
	return ""
}
