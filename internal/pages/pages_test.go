package pages

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/page"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares the whole answer, headers and all, with testdata/name.
func golden(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	var got bytes.Buffer
	require.NoError(t, w.Result().Write(&got))
	text := strings.ReplaceAll(got.String(), "\r\n", "\n")

	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), text, "run go test with -update if the change is meant")
}

func expired() Message {
	return Message{
		Kind: page.Failed, Status: http.StatusBadRequest,
		Title: Say(Expired), Texts: []Text{Say(ExpiredText)},
		Links: []Link{{URL: "/login", Text: Say(SignInAgain)}, {URL: "/", Text: Say(Home)}},
	}
}

func answer() Answer {
	return Answer{
		Mode:       "silent",
		URL:        "https://auth.immutable.com/v2/logout?client_id=c&returnTo=https%3A%2F%2Fgame.example%2Fsilent-logout",
		Callback:   "https://game.example",
		Timeout:    10_000,
		Fallback:   "redirect",
		ReturnTo:   "/bye?from=game&x=1",
		App:        "done",
		Revocation: "done",
		Passport:   "pending",
	}
}

// ours are the pages of the SDK.
var ours = newSet(page.Options{})

func newSet(o page.Options) *Set {
	s, problems := NewSet(o, slog.New(slog.DiscardHandler))
	if len(problems) > 0 {
		panic(errors.Join(problems...))
	}
	return s
}

// browser is a request of a browser with that Accept-Language.
func browser(languages string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Language", languages)
	return r
}

func serveCallback(t *testing.T, parentURL string, done bool) *httptest.ResponseRecorder {
	t.Helper()
	c, err := ours.NewCallback(parentURL)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	c.Serve(w, browser(""), Return{Done: done})
	return w
}

func serveSilent(t *testing.T, a Answer) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	require.NoError(t, ours.ServeSilent(w, browser(""), a))
	return w
}

func TestAPageNamesPassportOnlyIfThatIsTheProvider(t *testing.T) {
	for _, app := range []string{"done", "failed"} {
		a := answer()
		a.App = app
		assert.Contains(t, serveSilent(t, a).Body.String(), "Sign out of Passport")
		a.OtherProvider = true
		body := serveSilent(t, a).Body.String()
		_, rest, _ := strings.Cut(body, `<script id="logout"`)
		text, rest, _ := strings.Cut(rest, "</script>")
		text = strings.ReplaceAll(text, `"passport":"pending"`, "")
		text += rest[strings.Index(rest, "<main"):]
		assert.NotContains(t, text, "Passport")
		assert.Contains(t, text, "Sign out of the sign-in service")
	}
}

func TestPagesAreAsTheyWere(t *testing.T) {
	golden(t, "callback-done.golden", serveCallback(t, "https://game.example/play?level=1&mode=a#top", true))
	golden(t, "callback-unconfirmed.golden", serveCallback(t, "https://game.example", false))
	c, err := ours.NewCallback("https://game.example")
	require.NoError(t, err)
	unknown := httptest.NewRecorder()
	c.Serve(unknown, browser(""), Return{Unknown: true})
	golden(t, "callback-unknown.golden", unknown)
	golden(t, "silent.golden", serveSilent(t, answer()))

	other := answer()
	other.OtherProvider = true
	golden(t, "silent-other.golden", serveSilent(t, other))

	failed := answer()
	failed.App = "failed"
	golden(t, "silent-failed.golden", serveSilent(t, failed))

	w := httptest.NewRecorder()
	ours.Serve(w, browser(""), expired())
	golden(t, "message.golden", w)
}

func TestAMessageNeedsNoMoreThanATitle(t *testing.T) {
	w := httptest.NewRecorder()
	ours.Serve(w, browser(""), Message{Title: Say(SignInFailed)})
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, 1, strings.Count(w.Body.String(), "<h1>The sign-in did not work</h1>"))
	assert.NotContains(t, w.Body.String(), "<p>")
	assert.NotContains(t, w.Body.String(), "<a")
}

func TestPagesEscapeWhatTheyAreGiven(t *testing.T) {
	const hostile = `"'></script><script>alert(1)</script>`

	a := answer()
	a.URL += "#" + hostile
	a.ReturnTo = "/" + hostile
	w := httptest.NewRecorder()
	ours.Serve(w, browser(""), Message{
		Title: Text{Literal: hostile}, Texts: []Text{{Literal: hostile}, {ID: SignInFailedCode, Code: hostile}},
		Links: []Link{{URL: "javascript:alert(1)", Text: Text{Literal: hostile}}},
	})

	for name, w := range map[string]*httptest.ResponseRecorder{
		"callback": serveCallback(t, "https://game.example/"+hostile, true),
		"silent":   serveSilent(t, a),
		"error":    w,
	} {
		assert.NotContains(t, w.Body.String(), "alert(1)</script>", name)
		assert.NotContains(t, w.Body.String(), `"'>`, name)
		assert.NotContains(t, w.Body.String(), "javascript:", name)
	}
}

func TestOuterMiddlewareDoesNotBreakThePages(t *testing.T) {
	for name, serve := range map[string]func(http.ResponseWriter){
		"callback": func(w http.ResponseWriter) {
			c, err := ours.NewCallback("https://game.example")
			require.NoError(t, err)
			c.Serve(w, browser(""), Return{Done: true})
		},
		"silent": func(w http.ResponseWriter) { require.NoError(t, ours.ServeSilent(w, browser(""), answer())) },
		"error":  func(w http.ResponseWriter) { ours.Serve(w, browser(""), Message{Title: Say(Failed)}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("X-Frame-Options", "DENY")
			w.Header().Add("Content-Security-Policy", "default-src 'self'")
			w.Header().Add("Content-Security-Policy", "frame-ancestors 'none'")
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("Referrer-Policy", "unsafe-url")
			serve(w)

			h := w.Result().Header
			assert.Empty(t, h.Values("X-Frame-Options"))
			require.Len(t, h.Values("Content-Security-Policy"), 1)
			assert.True(t, strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; "))
			assert.Equal(t, "no-store", h.Get("Cache-Control"))
			assert.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
		})
	}
}

func TestCallbackIsFramableByTheParentsOriginAlone(t *testing.T) {
	w := serveCallback(t, "HTTPS://Game.Example:443/play", true)
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "; frame-ancestors https://game.example; ")
}

func TestCallbackIsFramableInThePagesThatMayEmbedTheParent(t *testing.T) {
	c, err := ours.NewCallback("https://game.example", "https://portal.example/play", "https://cdn.portal.example:8443")
	require.NoError(t, err)
	w := httptest.NewRecorder()
	c.Serve(w, browser(""), Return{})
	assert.Contains(t, w.Header().Get("Content-Security-Policy"),
		"; frame-ancestors https://game.example https://portal.example https://cdn.portal.example:8443; ")
	_, err = ours.NewCallback("https://game.example", "*")
	assert.Error(t, err)
}

func TestCallbackMessageCarriesNoQueryThatTheJavaScriptSDKWouldRead(t *testing.T) {
	w := serveCallback(t, "https://game.example/a%2Fb?error=x&state=y#z", true)
	assert.Contains(t, w.Body.String(), ` data-url="https://game.example/a%2Fb" `)
}

func TestCallbackRefusesAParentThatIsNoWebPage(t *testing.T) {
	for _, parent := range []string{"", "/play", "game.example", "javascript:alert(1)", "https://", "https://a;b", "http://[::1"} {
		_, err := ours.NewCallback(parent)
		assert.Error(t, err, parent)
	}
}

func TestSilentPageWithoutAnOriginIsAnErrorAndNoPage(t *testing.T) {
	for _, broken := range []Answer{{Callback: "https://game.example"}, {URL: "https://auth.example/v2/logout"}} {
		w := httptest.NewRecorder()
		assert.Error(t, ours.ServeSilent(w, browser(""), broken))
		assert.Zero(t, w.Body.Len())
		assert.Empty(t, w.Header())
	}
}

func TestSilentPageLoadsFramesFromTheTwoOriginsAlone(t *testing.T) {
	a := answer()
	a.Callback = "https://logout.game.example:8443/silent-logout"
	assert.Contains(t, serveSilent(t, a).Header().Get("Content-Security-Policy"),
		"; frame-src https://auth.immutable.com https://logout.game.example:8443; ")
}

func TestWhatTheBrowserLoadsIsSmall(t *testing.T) {
	script := gzipped(t, []byte(passportJS))
	callback := gzipped(t, serveCallback(t, "https://game.example", true).Body.Bytes())
	t.Logf("gzipped: passport.js %d bytes, callback page %d bytes", script, callback)
	assert.LessOrEqual(t, script, 2048)
	assert.LessOrEqual(t, script+callback, 3072)
}

func gzipped(t *testing.T, b []byte) int {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Len()
}

func TestStripLeavesTheCodeAlone(t *testing.T) {
	assert.Equal(t, "a(); // kept\nb(\"// kept\");\n", strip("// gone\n\n  a(); // kept\n\t// gone\n  b(\"// kept\");"))
}

func TestScriptIsAskedForOnceAndThenRevalidated(t *testing.T) {
	first := httptest.NewRecorder()
	Script("/logout").ServeHTTP(first, httptest.NewRequest("GET", "/passport.js", nil))
	require.Equal(t, http.StatusOK, first.Code)
	assert.Equal(t, string(passportJS), first.Body.String())
	assert.Equal(t, "text/javascript; charset=utf-8", first.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", first.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, "no-cache", first.Header().Get("Cache-Control"))

	again := httptest.NewRequest("GET", "/passport.js", nil)
	again.Header.Set("If-None-Match", first.Header().Get("ETag"))
	second := httptest.NewRecorder()
	Script("/logout").ServeHTTP(second, again)
	assert.Equal(t, http.StatusNotModified, second.Code)
	assert.Zero(t, second.Body.Len())
}

func TestThePathDecidesTheFormOfTheScript(t *testing.T) {
	serve := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		Script("/sign-out").ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	classic, module, types := serve("/passport.js"), serve("/shop/passport.mjs"), serve("/passport.d.ts?x=.mjs")
	assert.True(t, strings.HasPrefix(module.Body.String(), classic.Body.String()), "the module is the script, with exports")
	assert.Contains(t, module.Body.String(), `??"/sign-out"`)
	assert.Contains(t, module.Body.String(), "export{logout,finish}")
	assert.NotContains(t, classic.Body.String(), "export")
	assert.Equal(t, "text/javascript; charset=utf-8", module.Header().Get("Content-Type"))
	assert.Equal(t, passportTypes, types.Body.String())
	assert.Equal(t, "text/plain; charset=utf-8", types.Header().Get("Content-Type"))
	assert.Len(t, map[string]bool{classic.Header().Get("ETag"): true, module.Header().Get("ETag"): true, types.Header().Get("ETag"): true}, 3)
	assert.LessOrEqual(t, gzipped(t, module.Body.Bytes()), 2200)
}

func TestScriptPostsWhereTheProgramAnswers(t *testing.T) {
	etags := make(map[string]bool)
	for path, quoted := range map[string]string{
		"/logout":        `??"/logout"`,
		"/auth/sign-out": `??"/auth/sign-out"`,
		`/"</script>`:    `??"/\"\u003c/script\u003e"`,
	} {
		w := httptest.NewRecorder()
		Script(path).ServeHTTP(w, httptest.NewRequest("GET", "/passport.js", nil))
		assert.Contains(t, w.Body.String(), quoted)
		etags[w.Header().Get("ETag")] = true
	}
	assert.Len(t, etags, 3)
}
