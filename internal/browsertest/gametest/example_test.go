package gametest

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
)

// What examples/wasm says in its doc comment, and shows in the browser.
func TestExampleSignsInAndOutInBothModes(t *testing.T) {
	home := startExample(t)
	profile := browsertest.Chromium.Open(t)
	tab := profile.Tab()
	tab.Go(home)
	tab.Wait(`document.querySelector("[data-show=out]").checkVisibility()`)
	tab.Screenshot("wasm-signed-out")
	signIn := func() {
		tab.Click("#login")
		tab.Wait(`location.origin !== "` + home + `" && document.querySelector("button.user")`)
		tab.Click("button.user")
		tab.Wait(`document.querySelector("#name")?.checkVisibility()`)
	}

	signIn()
	assert.Equal(t, home+"/", tab.URL())
	tab.Click("#coin")
	tab.Wait(`document.querySelector("#score").textContent === "Coins: 1"`)
	tab.Screenshot("wasm-signed-in")
	other := profile.Tab()
	other.Go(home)
	other.Wait(`document.querySelector("#name").checkVisibility()`)

	tab.Click("input[value=silent] + .choice")
	tab.Click("#logout .button")
	tab.Wait(`document.querySelector("#account").checkVisibility() && document.querySelector("[data-show=out]").checkVisibility()`)
	assert.Equal(t, "done", browsertest.Eval[string](tab, `document.querySelector("#app").textContent`))
	assert.Equal(t, "unconfirmed", browsertest.Eval[string](tab, `document.querySelector("#passport").textContent`))
	other.Wait(`document.querySelector("[data-show=out]").checkVisibility()`)
	tab.Screenshot("wasm-unconfirmed")

	tab.Run(`window.old = true`)
	tab.Click("#unfinished a")
	tab.Wait(`!window.old && location.origin === "` + home + `" && document.querySelector("[data-show=out]")?.checkVisibility()`)
	tab.Wait(`!document.querySelector("#unfinished").checkVisibility()`)

	tab.Narrow()
	tab.Dark()
	signIn()
	tab.Screenshot("wasm-phone-dark")
	other.Wait(`document.querySelector("#name").checkVisibility()`)
	tab.Run(`window.old = true`)
	tab.Click("#logout .button")
	tab.Wait(`!window.old && document.querySelector("[data-show=out]")?.checkVisibility()`)
	assert.Equal(t, home+"/", tab.URL())
	tab.Wait(`!document.querySelector("#unfinished").checkVisibility()`)
}

// An answer that comes when the game is being loaded is too late to close the window.
func TestExampleInAPopupThatNobodyAnswersIsPlayedThere(t *testing.T) {
	home := startExample(t)
	tab := browsertest.Chromium.Open(t).Tab()
	tab.Go(home)
	tab.Wait(`document.querySelector("[data-show=out]").checkVisibility()`)
	popup := tab.Popup(func() { tab.Gesture(`void (window.popup = open("/redirect?code=1&state=2", "passport-popup-test"))`) })
	tab.Wait(`!popup.name.startsWith("passport-popup-")`)
	tab.Run(`popup.postMessage({source: "passport-popup", taken: true}, location.origin)`)
	popup.Wait(`document.querySelector("[data-show=out]")?.checkVisibility()`)
	assert.Contains(t, browsertest.Eval[string](popup, `document.body.textContent`), "close it, and sign in again in the game")
	assert.Empty(t, browsertest.Eval[string](popup, `name`))
}

// startExample runs the program on a free port, and returns its address.
func startExample(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "wasm")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, "github.com/passport-go/passport/examples/wasm").CombinedOutput()
	require.NoError(t, err, "%s", out)
	program := exec.Command(file)
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
