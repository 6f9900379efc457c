// Package browsertest drives real browsers for the tests beside it: Chromium for
// all of them, and Firefox and WebKit for those that range over [Engines].
//
// A logout is what a browser makes of it: which cookies an iframe is given,
// which window a message comes from, what the back button shows. So the tests
// here let browsers decide. Nothing of it leaves the machine: every name that
// is not under localhost fails to resolve.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/testprograms"
)

// Cookies is Chromium's policy for cookies in third-party frames.
type Cookies string

// Chromium blocks them or not. Debian's build blocks them unless told.
const (
	Blocked Cookies = "third-party cookies blocked"
	Allowed Cookies = "third-party cookies allowed"
)

// program is one of the two that are built from Chromium's source.
type program string

const (
	// desktop is the browser that users have. It draws its windows even if nobody
	// sees them, which takes three times the CPU of the pages in them.
	desktop program = "chromium"

	// shell is the same engine without windows. It lacks the back/forward cache.
	shell program = "chromium-headless-shell"
)

// engineFlags are V8's.
type engineFlags string

const (
	// unoptimized WebAssembly is right for tests, which are over before it is worth
	// optimizing.
	unoptimized engineFlags = "--liftoff-only"

	// optimized is Chromium's default.
	optimized engineFlags = ""
)

// unused are features that the tests do without. Chromium fills each of its windows with
// two pages for the address bar, which take twice as long as the page of the test.
const unused = "Translate,BlinkGenPropertyTrees,WebUIOmniboxPopup,WebUIOmniboxAimPopup"

// patience is how long a test waits for what should come at once.
const patience = 2 * time.Minute

// chromium is a process that the tests share, each with a profile of its own.
type chromium struct {
	ctx   context.Context
	close func()
}

// Open returns a new profile of Chromium's engine. Tests that need the browser
// itself, with its defaults or its back/forward cache, use [Engine.Open].
func Open(t testing.TB, cookies Cookies) *Profile {
	t.Helper()
	return openChromium(t, shell, cookies, unoptimized)
}

// OpenForLong is [Open] for programs that run so long that it is worth optimizing
// WebAssembly.
func OpenForLong(t testing.TB, cookies Cookies) *Profile {
	t.Helper()
	return openChromium(t, shell, cookies, optimized)
}

// OpenToMeasure returns a new profile of Chromium as users have it, which optimizes
// WebAssembly, and blocks third-party cookies. In most other profiles it does not, for
// the sake of the tests' speed.
func OpenToMeasure(t testing.TB) *Profile {
	t.Helper()
	return openChromium(t, desktop, Blocked, optimized)
}

func openChromium(t testing.TB, p program, cookies Cookies, flags engineFlags) *Profile {
	t.Helper()
	b := share(t, fmt.Sprint(p, cookies, flags), func() (*chromium, func(), error) {
		b, err := launch(p, cookies, flags)
		if err != nil {
			return nil, nil, err
		}
		return b, b.close, nil
	})
	process := chromedp.FromContext(b.ctx).Browser
	created, err := cdp.Call(b.ctx, process, target.CreateBrowserContext, target.CreateBrowserContextParams{})
	require.NoError(t, err, "open a profile")
	t.Cleanup(func() {
		_, err := cdp.Call(b.ctx, process, target.DisposeBrowserContext, target.DisposeBrowserContextParams(created))
		assert.NoError(t, err, "close a profile")
	})
	return &Profile{t: t, newPage: func(context.Context) (page, error) {
		return newChromiumPage(t, b.ctx, chromedp.WithExistingBrowserContext(created.BrowserContextID))
	}}
}

func launch(p program, cookies Cookies, flags engineFlags) (*chromium, error) {
	path, err := testprograms.Find(string(p))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "browsertest-")
	if err != nil {
		return nil, err
	}
	if err := writePreferences(dir, cookies); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	features := "" // the shell reads no preferences
	if p == shell && cookies == Blocked {
		features = "ForceThirdPartyCookieBlockingEnabled"
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir),
		chromedp.Env("TMPDIR="+dir), // and not litter beside it
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.IgnoreCertErrors,
		chromedp.Flag("enable-features", features),
		chromedp.Flag("disable-features", unused),
		chromedp.Flag("js-flags", string(flags)),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	// chromedp reports events that come in another order than it expects.
	ctx, _ := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	b := &chromium{ctx: ctx, close: func() {
		_ = chromedp.Cancel(ctx)
		stop()
		_ = os.RemoveAll(dir)
	}}
	if err := chromedp.Do(ctx); err != nil {
		b.close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return b, nil
}

func writePreferences(dir string, cookies Cookies) error {
	const allow, block = 0, 1 // chrome's content_settings::CookieControlsMode
	mode := block
	if cookies == Allowed {
		mode = allow
	}
	preferences := fmt.Sprintf(`{"profile": {"cookie_controls_mode": %d}}`, mode)
	profile := filepath.Join(dir, "Default")
	if err := os.Mkdir(profile, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(profile, "Preferences"), []byte(preferences), 0o600)
}
