package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Tab is one tab of a Profile. Its methods end the test when they fail.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	console []string
}

// Tab opens a tab.
func (p *Profile) Tab() *Tab {
	p.t.Helper()
	return newTab(p.t, p.browser, chromedp.WithExistingBrowserContext(p.id))
}

// newTab lets go of the tab when the test ends; the end of its profile closes
// it.
func newTab(t testing.TB, browser context.Context, option chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, option, chromedp.WithDetachOnCancel())
	t.Cleanup(cancel)
	tab := &Tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Do(ctx), "open a tab")
	require.NoError(t, chromedp.Listen(ctx, tab.listen))
	t.Cleanup(tab.report)
	return tab
}

// Close closes the tab.
func (tab *Tab) Close() {
	tab.t.Helper()
	do(tab, "close the tab", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, chromedp.FromContext(tab.ctx).Browser, target.CloseTarget, target.CloseTargetParams{TargetID: t.TargetID})
	})
}

// Popup returns the tab that opens when open does something in this one.
func (tab *Tab) Popup(open func()) *Tab {
	tab.t.Helper()
	opened := chromedp.WaitNewTarget(tab.ctx, func(info *target.Info) bool { return info.OpenerID != "" })
	open()
	select {
	case id := <-opened:
		return newTab(tab.t, tab.ctx, chromedp.WithTargetID(id))
	case <-time.After(patience):
		require.FailNow(tab.t, "no window was opened")
		return nil
	}
}

// listen keeps what the browser says about the page, for a test that fails.
func (tab *Tab) listen(event any) {
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
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.console = append(tab.console, line)
}

// Console returns what the browser had to say about the tab's pages so far:
// failed requests, violated policies, errors that no script caught.
func (tab *Tab) Console() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.console)
}

func (tab *Tab) report() {
	if !tab.t.Failed() {
		return
	}
	for _, line := range tab.Console() {
		tab.t.Log("console:", line)
	}
}

// do runs an action, and no longer than patience.
func do[T any](tab *Tab, what string, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	require.NoError(tab.t, err, what)
	return v
}

// Go loads a page, as if its address had been typed.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	do(tab, "load "+url, chromedp.Navigate(url))
}

// Back presses the back button. The page may have gone on when it returns.
func (tab *Tab) Back() {
	tab.t.Helper()
	history := do(tab, "read the history", chromedp.NavigationEntries())
	require.Positive(tab.t, history.CurrentIndex, "there is no page to go back to")
	to := history.Entries[history.CurrentIndex-1].ID
	do(tab, "go back", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: to})
	})
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

// URL returns the address of the page.
func (tab *Tab) URL() string {
	tab.t.Helper()
	return do(tab, "read the address", chromedp.Location())
}

// Text returns what the page shows.
func (tab *Tab) Text() string {
	tab.t.Helper()
	return Eval[string](tab, `document.body.innerText`)
}

// Click clicks the first element that the CSS selector finds, with the mouse,
// once it can be seen.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.Wait(fmt.Sprintf(`document.querySelector(%q)?.checkVisibility()`, selector))
	middle := Eval[[]float64](tab, fmt.Sprintf(`(element => {
		element.scrollIntoView({behavior: "instant"});
		const {x, y, width, height} = element.getBoundingClientRect();
		return [x + width / 2, y + height / 2];
	})(document.querySelector(%q))`, selector))
	do(tab, "click "+selector, chromedp.MouseClickXY(middle[0], middle[1]))
}

// Eval evaluates an expression in the page, and awaits it if it is a promise.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	return do(tab, expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Run evaluates an expression for its effect and does not wait for promises.
func (tab *Tab) Run(expression string) {
	tab.t.Helper()
	do(tab, expression, chromedp.Evaluate[chromedp.Void](expression))
}

// Gesture is Run in a gesture of the user's, such as a click.
func (tab *Tab) Gesture(expression string) {
	tab.t.Helper()
	do(tab, expression, chromedp.Evaluate[chromedp.Void](expression, func(p *runtime.EvaluateParams) {
		gesture := true
		p.UserGesture = &gesture
	}))
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

// Wait waits until an expression is true, in whatever page the tab shows then.
func (tab *Tab) Wait(expression string) {
	tab.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(tab.ctx, patience)
		// An error means that a page is just going or coming: ask again.
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`Boolean(`+expression+`)`))
		cancel()
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(tab.t, "this did not come true: "+expression, "at %s, last error: %v", tab.URL(), err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// WaitURL waits until the page at an address has been loaded.
func (tab *Tab) WaitURL(url string) {
	tab.t.Helper()
	tab.Wait(`location.href === "` + url + `" && document.readyState === "complete"`)
}

// DisableScripts turns JavaScript off for the pages that the tab loads next.
func (tab *Tab) DisableScripts() {
	tab.t.Helper()
	do(tab, "disable scripts", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	})
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

// Screenshot writes what the tab shows to dir, if BROWSERTEST_SCREENSHOTS names
// one: for people who want to see the pages.
func (tab *Tab) Screenshot(name string) {
	tab.t.Helper()
	dir := os.Getenv("BROWSERTEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	png := do(tab, "take a screenshot", chromedp.CaptureScreenshot())
	require.NoError(tab.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}
