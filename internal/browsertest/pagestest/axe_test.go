package pagestest

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/npmtest"
	"github.com/passport-go/passport/page"
)

// screens are those that people have. One at 200 % has half the room.
var screens = []struct {
	scheme, name  string
	width, height int64
	pixels        float64
}{
	{"light", "desktop", 1280, 800, 1},
	{"light", "phone", 360, 640, 1},
	{"light", "200%", 640, 400, 2},
	{"dark", "phone", 360, 640, 1},
}

// looked are those that look takes pictures of.
var looked = []struct {
	name          string
	width, height int64
}{{"watch", 280, 340}, {"phone", 360, 640}, {"landscape", 740, 360}, {"tablet", 820, 1100}, {"desktop", 1440, 900}}

var languages = map[string]string{"en": "ltr", "de": "ltr", "ar": "rtl"}

// shown are the pages, with what is true when they are to be looked at.
var shown = map[string]string{
	"signed-in": "true", "signed-out": "true", "unconfirmed": "true", "pending": "true", "not-asked": "true", "long-code": "true",
	"program": "true", "waiting": "true", "silent": `document.querySelector("main a")`,
}

// finding is a violation of a rule.
type finding struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

func TestThePagesAreAccessible(t *testing.T) {
	check(t, serve(t, page.Options{}), "sdk", slices.Collect(maps.Keys(shown)))
}

func TestTheTemplateInTheDocumentIsAccessible(t *testing.T) {
	check(t, serve(t, own(t)), "own", []string{"waiting", "silent", "not-asked"})
}

// check looks at each page of a site in three languages, light and dark, on three
// screens.
func check(t *testing.T, s *site, whose string, names []string) {
	t.Helper()
	npmtest.Install(t, ".")
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	require.NoError(t, err)
	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	for lang, dir := range languages {
		for _, name := range names {
			t.Run(lang+" "+name, func(t *testing.T) {
				tab.Run(`location.assign("` + s.at(name, lang) + `")`) // which does not wait for its frames
				tab.Wait(`location.pathname === "/` + name + `" && document.documentElement.lang === "` + lang + `" && document.readyState !== "loading" && document.querySelector("h1") && ` + shown[name])
				tab.Wait(`document.getAnimations().every(a => a.playState === "finished")`)
				assert.Equal(t, []string{lang, dir}, browsertest.Eval[[]string](tab, `[document.documentElement.lang, document.documentElement.dir]`))
				assert.NotEmpty(t, browsertest.Eval[string](tab, `document.title`))
				tab.Run(string(axe))
				for _, screen := range screens {
					prefer(tab, screen.scheme)
					tab.Screen(screen.width, screen.height, screen.pixels)
					at := screen.scheme + " " + screen.name
					assert.Empty(t, browsertest.Eval[[]finding](tab, `axe.run().then(({violations}) => violations)`), at)
					assert.False(t, browsertest.Eval[bool](tab, `document.documentElement.scrollWidth > innerWidth`), at+": nobody has to scroll sideways")
					assert.Equal(t, "CSS1Compat", browsertest.Eval[string](tab, `document.compatMode`))
				}
				look(tab, whose+"-"+name+"-"+lang)
			})
		}
	}
	for _, line := range tab.Console() {
		assert.NotContains(t, line, "Content Security Policy")
	}
}

// look takes pictures, for people who want to see the page.
func look(tab *browsertest.Tab, name string) {
	if os.Getenv("BROWSERTEST_SCREENSHOTS") == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		prefer(tab, scheme)
		for _, screen := range looked {
			tab.Screen(screen.width, screen.height, 1)
			tab.Screenshot(name + "-" + scheme + "-" + screen.name)
		}
	}
}

func prefer(tab *browsertest.Tab, scheme string) {
	if scheme == "dark" {
		tab.Dark()
		return
	}
	tab.Light()
}
