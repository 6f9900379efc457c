package browsertest

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Engine is a browser engine, with its defaults.
type Engine string

// The three engines that have browsers to speak of.
const (
	// Chromium is Debian's, which blocks third-party cookies.
	Chromium Engine = "Chromium"

	// Firefox gives each site its own cookies of a third party (Total Cookie
	// Protection).
	Firefox Engine = "Firefox"

	// WebKit is WebKitGTK's MiniBrowser, with the Intelligent Tracking Prevention
	// that Safari and Epiphany turn on. It blocks third-party cookies.
	WebKit Engine = "WebKit"
)

// Engines are all of them.
var Engines = []Engine{Chromium, Firefox, WebKit}

// InEngines runs a test in each engine.
func InEngines(t *testing.T, test func(t *testing.T, e Engine)) { inEach(t, Engines, test) }

// InOneEngine is InEngines for a variant of what another test runs in each engine:
// it runs in Chromium alone, and in all of them with make engines.
func InOneEngine(t *testing.T, test func(t *testing.T, e Engine)) {
	engines := Engines
	if !thorough() {
		engines = Engines[:1]
	}
	inEach(t, engines, test)
}

// thorough reports whether the tests were started by make engines.
func thorough() bool { return os.Getenv("BROWSERTEST_ENGINES") == "all" }

func inEach(t *testing.T, engines []Engine, test func(t *testing.T, e Engine)) {
	for _, e := range engines {
		t.Run(string(e), func(t *testing.T) { test(t, e) })
	}
}

// Profile is a user's browser: its cookies, storage and tabs are its own. It
// ends with the test that opened it.
type Profile struct {
	t       testing.TB
	newPage func(context.Context) (page, error)
}

// Open returns a new profile of the engine.
func (e Engine) Open(t testing.TB) *Profile {
	t.Helper()
	switch e {
	case Firefox:
		return openFirefox(t, true)
	case WebKit:
		return openWebKit(t, true)
	default:
		return openChromium(t, desktop, Blocked, unoptimized)
	}
}

// OpenLight is [Engine.Open] for tests that do not depend on Chromium's windows, its
// preferences or its back/forward cache. In Chromium's place they get its headless shell,
// which is the same engine and takes half of the processor time. With make engines they
// get Chromium.
func (e Engine) OpenLight(t testing.TB) *Profile {
	t.Helper()
	if e == Chromium && !thorough() {
		return Open(t, Blocked)
	}
	return e.Open(t)
}

// OpenWithoutScripts returns a new profile whose user has turned JavaScript off.
func (e Engine) OpenWithoutScripts(t testing.TB) *Profile {
	t.Helper()
	switch e {
	case Firefox:
		return openFirefox(t, false)
	case WebKit:
		return openWebKit(t, false)
	default:
		p := openChromium(t, desktop, Blocked, unoptimized)
		newPage := p.newPage
		p.newPage = func(ctx context.Context) (page, error) {
			opened, err := newPage(ctx)
			if err == nil {
				err = opened.(*chromiumPage).disableScripts(ctx)
			}
			return opened, err
		}
		return p
	}
}

// Tab opens a tab.
func (p *Profile) Tab() *Tab {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	opened, err := p.newPage(ctx)
	require.NoError(p.t, err, "open a tab")
	return newTab(p.t, opened)
}

// shared holds what a test binary has started for all its tests, by name, and
// how to end it.
var shared struct {
	sync.Mutex
	started map[string]any
	ends    []func()
}

// share returns what start has returned the first time that it was called for
// the name.
func share[T any](t testing.TB, name string, start func() (started T, end func(), err error)) T {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if started, ok := shared.started[name]; ok {
		return started.(T)
	}
	started, end, err := start()
	require.NoError(t, err, "start %s", name)
	if shared.started == nil {
		shared.started = make(map[string]any)
	}
	shared.started[name] = started
	shared.ends = append(shared.ends, end)
	return started
}

// Main runs the tests and then ends the browsers that they started. Call it
// from TestMain and exit with its result.
func Main(m *testing.M) int {
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		for i := len(shared.ends) - 1; i >= 0; i-- {
			shared.ends[i]()
		}
	}()
	return m.Run()
}

// cleanUp runs f at the end of a test, with a bound.
func cleanUp(t testing.TB, what string, f func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(t, f(ctx), what)
	})
}
