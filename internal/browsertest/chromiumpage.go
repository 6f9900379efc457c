package browsertest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// chromiumPage is a tab of Chromium, over its own protocol.
type chromiumPage struct {
	t   testing.TB
	ctx context.Context

	mu    sync.Mutex
	lines []string
}

// newChromiumPage lets go of the tab when the test ends; the end of its profile
// closes it.
func newChromiumPage(t testing.TB, browser context.Context, option chromedp.ContextOption) (page, error) {
	ctx, cancel := chromedp.NewContext(browser, option, chromedp.WithDetachOnCancel())
	t.Cleanup(cancel)
	p := &chromiumPage{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		return nil, err
	}
	return p, chromedp.Listen(ctx, p.listen)
}

// listen keeps what the browser says about the page, for a test that fails.
func (p *chromiumPage) listen(event any) {
	var line string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		line = e.Entry.Text
	case *runtime.EventExceptionThrown:
		line = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			line += " " + e.ExceptionDetails.Exception.Description
		}
	default:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
}

func (p *chromiumPage) console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}

// act runs an action in the tab, as long as the caller's context allows.
func act[T any](ctx context.Context, p *chromiumPage, action chromedp.Action[T]) (T, error) {
	in, cancel := context.WithCancel(p.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return chromedp.Run(in, action)
}

func (p *chromiumPage) load(ctx context.Context, url string) error {
	_, err := act(ctx, p, chromedp.Navigate(url))
	return err
}

// back presses the button. The page may have gone on when it returns.
func (p *chromiumPage) back(ctx context.Context) error {
	history, err := act(ctx, p, chromedp.NavigationEntries())
	if err != nil {
		return err
	}
	if history.CurrentIndex == 0 {
		return errors.New("there is no page to go back to")
	}
	to := history.Entries[history.CurrentIndex-1].ID
	_, err = act(ctx, p, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, cdppage.NavigateToHistoryEntry, cdppage.NavigateToHistoryEntryParams{EntryID: to})
	})
	return err
}

func (p *chromiumPage) url(ctx context.Context) (string, error) {
	return act(ctx, p, chromedp.Location())
}

func (p *chromiumPage) evaluate(ctx context.Context, expression string, how evaluation) ([]byte, error) {
	switch how {
	case effect:
		_, err := act(ctx, p, chromedp.Evaluate[chromedp.Void](expression))
		return nil, err
	case gesture:
		_, err := act(ctx, p, chromedp.Evaluate[chromedp.Void](expression, func(p *runtime.EvaluateParams) {
			gesture := true
			p.UserGesture = &gesture
		}))
		return nil, err
	case awaited:
		return act(ctx, p, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	default:
		return act(ctx, p, chromedp.Evaluate[[]byte](expression))
	}
}

func (p *chromiumPage) click(ctx context.Context, x, y float64) error {
	_, err := act(ctx, p, chromedp.MouseClickXY(x, y))
	return err
}

func (p *chromiumPage) popup(ctx context.Context, open func()) (page, error) {
	own := chromedp.FromContext(p.ctx).Target.TargetID
	opened := chromedp.WaitNewTarget(p.ctx, func(info *target.Info) bool { return info.OpenerID == own })
	open()
	select {
	case id := <-opened:
		return newChromiumPage(p.t, p.ctx, chromedp.WithTargetID(id))
	case <-ctx.Done():
		return nil, errors.New("no window was opened")
	}
}

func (p *chromiumPage) screenshot(ctx context.Context) ([]byte, error) {
	return act(ctx, p, chromedp.CaptureScreenshot())
}

func (p *chromiumPage) close(ctx context.Context) error {
	_, err := act(ctx, p, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, chromedp.FromContext(p.ctx).Browser, target.CloseTarget, target.CloseTargetParams{TargetID: t.TargetID})
	})
	return err
}

func (p *chromiumPage) disableScripts(ctx context.Context) error {
	_, err := act(ctx, p, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	})
	return err
}

// do runs an action that only Chromium knows.
func do[T any](tab *Tab, what string, action chromedp.Action[T]) T {
	tab.t.Helper()
	p, ok := tab.page.(*chromiumPage)
	require.True(tab.t, ok, "only Chromium can %s", what)
	ctx, cancel := context.WithTimeout(tab.t.Context(), patience)
	defer cancel()
	v, err := act(ctx, p, action)
	require.NoError(tab.t, err, what)
	return v
}

// History returns the addresses that the tab's history holds, oldest first.
func (tab *Tab) History() []string {
	tab.t.Helper()
	var urls []string
	for _, entry := range do(tab, "read the history", chromedp.NavigationEntries()).Entries {
		urls = append(urls, entry.URL)
	}
	return urls
}

// Offline takes the network away from the tab, or gives it back.
func (tab *Tab) Offline(offline bool) {
	tab.t.Helper()
	do(tab, "set the network", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		_, enabled := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		conditions := &network.Conditions{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}
		_, emulated := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule,
			network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{conditions}})
		done, told := cdp.Call(ctx, t, network.OverrideNetworkState,
			network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1})
		return done, errors.Join(enabled, emulated, told)
	})
}

// DisableScripts turns JavaScript off for the pages that the tab loads next.
func (tab *Tab) DisableScripts() {
	tab.t.Helper()
	p, ok := tab.page.(*chromiumPage)
	require.True(tab.t, ok, "only Chromium can disable the scripts of an open tab")
	tab.do("disable scripts", p.disableScripts)
}

// Dark makes the user one who prefers dark pages.
func (tab *Tab) Dark() {
	tab.t.Helper()
	do(tab, "prefer dark", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		dark := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: dark})
	})
}

// Narrow makes the screen that of a phone.
func (tab *Tab) Narrow() {
	tab.t.Helper()
	do(tab, "narrow", chromedp.EmulateViewport(360, 640))
}

// Slow makes the processor so many times slower for the tab's pages.
func (tab *Tab) Slow(times float64) {
	tab.t.Helper()
	do(tab, "slow the processor", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: times})
	})
}

// Screen makes the window that of a screen, with so many physical pixels a CSS pixel.
// A page at 200 % is one on half the width and height, and twice the pixels.
func (tab *Tab) Screen(width, height int64, pixels float64) {
	tab.t.Helper()
	do(tab, "set the screen", chromedp.EmulateViewport(width, height, chromedp.EmulateScale(pixels)))
}

// Light makes the user one who prefers light pages.
func (tab *Tab) Light() {
	tab.t.Helper()
	do(tab, "prefer light", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		light := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: light})
	})
}
