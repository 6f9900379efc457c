package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Result is what a logout comes to: whether the Passport session has really
// ended, and what the SDK says of it. It may know less than is true, never more.
type Result struct {
	Ended    bool
	Passport string
}

func (r Result) String() string {
	ends := "stays open"
	if r.Ended {
		ends = "ends"
	}
	return fmt.Sprintf("%s, `%s`", ends, r.Passport)
}

var (
	endsAndIsDone         = Result{true, "done"}
	endsAndIsUnconfirmed  = Result{true, "unconfirmed"}
	staysAndIsUnconfirmed = Result{false, "unconfirmed"}
)

// The scenarios of the README's table, in its order. Every scenario is over https
// unless it says otherwise, and the auth domain is another site unless it says
// otherwise.
const (
	Redirect       = "redirect"
	ScriptsOff     = "either mode, JavaScript turned off"
	SilentSameSite = "silent, auth domain on the same site"
	SilentOverHTTP = "the same over `http://` on localhost"
	SilentForeign  = "silent, auth domain on another site"
	SilentRefused  = "the same, if the iframe is refused and the fallback is a redirect"

	GameRedirect       = "from WebAssembly: redirect"
	GameSilentSameHost = "from WebAssembly: silent, auth domain on the same host"
	GameSilentForeign  = "from WebAssembly: silent, auth domain on another site"
	EmbeddedPopup      = "from WebAssembly embedded by another site: in a popup"
	EmbeddedSilent     = "from WebAssembly embedded by another site: silent"
)

// matrix is the README's table: the tests take from it what they expect.
var matrix = []struct {
	scenario string
	results  map[Engine]Result
}{
	{Redirect, everywhere(endsAndIsDone)},
	{ScriptsOff, everywhere(endsAndIsDone)},
	{SilentSameSite, everywhere(endsAndIsDone)},
	// Over http, Firefox calls a redirect from one host of a site to another
	// cross-site in Sec-Fetch-Site.
	{SilentOverHTTP, map[Engine]Result{Chromium: endsAndIsDone, Firefox: endsAndIsUnconfirmed, WebKit: endsAndIsDone}},
	{SilentForeign, everywhere(staysAndIsUnconfirmed)},
	{SilentRefused, everywhere(endsAndIsDone)},
	{GameRedirect, everywhere(endsAndIsDone)},
	{GameSilentSameHost, everywhere(endsAndIsDone)},
	{GameSilentForeign, everywhere(staysAndIsUnconfirmed)},
	{EmbeddedPopup, everywhere(endsAndIsDone)},
	{EmbeddedSilent, everywhere(staysAndIsUnconfirmed)},
}

func everywhere(r Result) map[Engine]Result {
	return map[Engine]Result{Chromium: r, Firefox: r, WebKit: r}
}

// Expect returns what a scenario comes to in an engine.
func (e Engine) Expect(t testing.TB, scenario string) Result {
	t.Helper()
	for _, row := range matrix {
		if row.scenario == scenario {
			return row.results[e]
		}
	}
	require.FailNow(t, "there is no such scenario", scenario)
	return Result{}
}

// table returns the matrix in Markdown.
func table() string {
	var b strings.Builder
	b.WriteString("| Logout |")
	for _, e := range Engines {
		fmt.Fprintf(&b, " %s |", e)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(Engines)) + "\n")
	for _, row := range matrix {
		fmt.Fprintf(&b, "| %s |", row.scenario)
		for _, e := range Engines {
			fmt.Fprintf(&b, " %s |", row.results[e])
		}
		b.WriteString("\n")
	}
	return b.String()
}
