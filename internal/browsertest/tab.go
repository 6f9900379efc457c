package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Tab is one tab of a Profile. Its methods end the test when they fail.
type Tab struct {
	t    testing.TB
	page page
}

// page is a tab as its engine's protocol knows it.
type page interface {
	load(ctx context.Context, url string) error
	back(ctx context.Context) error
	url(ctx context.Context) (string, error)

	// evaluate returns a value as JSON, nil for undefined.
	evaluate(ctx context.Context, expression string, how evaluation) ([]byte, error)

	// click clicks with the mouse, at a point of the viewport.
	click(ctx context.Context, x, y float64) error

	// popup returns the window that opens when open does something.
	popup(ctx context.Context, open func()) (page, error)

	screenshot(ctx context.Context) (png []byte, err error)
	close(ctx context.Context) error

	// console returns what the engine had to say about the pages so far.
	console() []string
}

// evaluation is how an expression is evaluated.
type evaluation int

const (
	value   evaluation = iota // as it is
	awaited                   // if it is a promise, then what that comes to
	effect                    // for its effect
	gesture                   // for its effect, in a gesture of the user's
)

// newTab closes nothing: the end of its profile closes the tab.
func newTab(t testing.TB, p page) *Tab {
	t.Helper()
	tab := &Tab{t: t, page: p}
	t.Cleanup(tab.report)
	return tab
}

// Close closes the tab.
func (tab *Tab) Close() {
	tab.t.Helper()
	tab.do("close the tab", tab.page.close)
}

// Popup returns the tab that opens when open does something in this one.
func (tab *Tab) Popup(open func()) *Tab {
	tab.t.Helper()
	var opened page
	tab.do("wait for a window", func(ctx context.Context) (err error) {
		opened, err = tab.page.popup(ctx, open)
		return err
	})
	return newTab(tab.t, opened)
}

// Console returns what the browser had to say about the tab's pages so far:
// failed requests, violated policies, errors that no script caught. WebKit says
// nothing.
func (tab *Tab) Console() []string { return tab.page.console() }

func (tab *Tab) report() {
	if !tab.t.Failed() {
		return
	}
	for _, line := range tab.Console() {
		tab.t.Log("console:", line)
	}
}

// do runs an action, and no longer than patience.
func (tab *Tab) do(what string, action func(context.Context) error) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(tab.t, action(ctx), what)
}

// evaluate is page.evaluate, and decodes what it returns into into, unless that
// is nil. It is an error if there is no value where into cannot be nil.
func (tab *Tab) evaluate(expression string, how evaluation, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	text, err := tab.page.evaluate(ctx, expression, how)
	if err != nil || into == nil {
		return err
	}
	if text == nil {
		text = []byte("null")
	}
	switch reflect.TypeOf(into).Elem().Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
	default:
		if string(text) == "null" {
			return errors.New("null or undefined")
		}
	}
	return json.Unmarshal(text, into)
}

// Go loads a page, as if its address had been typed.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	tab.do("load "+url, func(ctx context.Context) error { return tab.page.load(ctx, url) })
}

// Back presses the back button. The page may have gone on when it returns.
func (tab *Tab) Back() {
	tab.t.Helper()
	tab.do("go back", tab.page.back)
}

// URL returns the address of the page.
func (tab *Tab) URL() string {
	tab.t.Helper()
	var url string
	tab.do("read the address", func(ctx context.Context) (err error) {
		url, err = tab.page.url(ctx)
		return err
	})
	return url
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
	tab.do("click "+selector, func(ctx context.Context) error { return tab.page.click(ctx, middle[0], middle[1]) })
}

// Eval evaluates an expression in the page, and awaits it if it is a promise.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	var v T
	require.NoError(tab.t, tab.evaluate(expression, awaited, &v), expression)
	return v
}

// Run evaluates an expression for its effect and does not wait for promises.
func (tab *Tab) Run(expression string) {
	tab.t.Helper()
	require.NoError(tab.t, tab.evaluate(expression, effect, nil), expression)
}

// Gesture is Run in a gesture of the user's, such as a click.
func (tab *Tab) Gesture(expression string) {
	tab.t.Helper()
	require.NoError(tab.t, tab.evaluate(expression, gesture, nil), expression)
}

// Wait waits until an expression is true, in whatever page the tab shows then. The
// longer it waits, the more seldom it asks: to be asked is work for the browser, which
// others are waiting for as well.
func (tab *Tab) Wait(expression string) {
	tab.t.Helper()
	if ok, err := tab.Comes(expression, patience); !ok {
		require.FailNow(tab.t, "this did not come true: "+expression, "at %s, last error: %v", tab.URL(), err)
	}
}

// Comes is Wait for at most a time, after which the error is that of the last question.
func (tab *Tab) Comes(expression string, within time.Duration) (ok bool, err error) {
	tab.t.Helper()
	begun := time.Now()
	for {
		// An error means that a page is just going or coming: ask again.
		err = tab.evaluate(`Boolean(`+expression+`)`, value, &ok)
		if err == nil && ok {
			return true, nil
		}
		waited := time.Since(begun)
		if waited > within {
			return false, err
		}
		time.Sleep(max(5*time.Millisecond, min(waited/10, 100*time.Millisecond)))
	}
}

// WaitURL waits until the page at an address has been loaded.
func (tab *Tab) WaitURL(url string) {
	tab.t.Helper()
	tab.Wait(`location.href === "` + url + `" && document.readyState === "complete"`)
}

// Screenshot writes what the tab shows to dir, if BROWSERTEST_SCREENSHOTS names
// one: for people who want to see the pages.
func (tab *Tab) Screenshot(name string) {
	tab.t.Helper()
	dir := os.Getenv("BROWSERTEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	tab.do("take a screenshot", func(ctx context.Context) error {
		png, err := tab.page.screenshot(ctx)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	})
}
