package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/testprograms"
)

// webKit is one MiniBrowser, driven by a WebKitWebDriver that has no other. It
// shows one of its windows at a time.
type webKit struct {
	process *process
	session webDriver
	scripts bool // are on

	mu sync.Mutex // held while a window is the current one
}

var displayReady = regexp.MustCompile(`^(\d+)$`)

// display returns a screen in memory, which the tests share.
func display(t testing.TB) string {
	t.Helper()
	return share(t, "Xvfb", func() (string, func(), error) {
		path, err := testprograms.Find("Xvfb")
		if err != nil {
			return "", nil, err
		}
		xvfb, number, err := start(path, displayReady, func(_ string, command *exec.Cmd) error {
			command.Args = append(command.Args, "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
			return nil
		})
		if err != nil {
			return "", nil, err
		}
		return ":" + number, xvfb.end, nil
	})
}

func openWebKit(t testing.TB, scripts bool) *Profile {
	t.Helper()
	w, err := launchWebKit(display(t), scripts)
	require.NoError(t, err)
	t.Cleanup(w.process.end)
	first := true
	return &Profile{t: t, newPage: func(ctx context.Context) (page, error) {
		if first { // is there already
			first = false
			return w.current(ctx)
		}
		return w.newWindow(ctx)
	}}
}

func launchWebKit(display string, scripts bool) (*webKit, error) {
	driver, err := testprograms.Find("WebKitWebDriver")
	if err != nil {
		return nil, err
	}
	browser, err := testprograms.Find("MiniBrowser")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	started, err := startQuiet(driver, func(_ string, command *exec.Cmd) error {
		command.Args = append(command.Args, "--host=127.0.0.1", "--port="+port)
		command.Env = append(command.Env, "DISPLAY="+display, "GDK_BACKEND=x11", "NO_AT_BRIDGE=1")
		return nil
	})
	if err != nil {
		return nil, err
	}
	w := &webKit{process: started, scripts: scripts}
	if err := w.begin("http://127.0.0.1:"+port, browser); err != nil {
		started.end()
		return nil, fmt.Errorf("start MiniBrowser: %w", err)
	}
	return w, nil
}

// begin starts the browser.
func (w *webKit) begin(driver, browser string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if err := answers(ctx, driver); err != nil {
		return err
	}
	var begun struct{ SessionID string }
	err := webDriver{driver}.call(ctx, http.MethodPost, "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"acceptInsecureCerts": true,
		"timeouts":            map[string]any{"script": patience.Milliseconds(), "pageLoad": patience.Milliseconds()},
		"webkitgtk:browserOptions": map[string]any{
			"binary": browser,
			"args":   []string{"--automation", "--enable-itp", fmt.Sprintf("--enable-javascript=%v", w.scripts)},
		},
	}}}, &begun)
	w.session = webDriver{driver + "/session/" + begun.SessionID}
	return err
}

// answers waits until a server does.
func answers(ctx context.Context, url string) error {
	for {
		err := webDriver{url}.call(ctx, http.MethodGet, "/status", nil, nil)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// current returns the window that is the current one.
func (w *webKit) current(ctx context.Context) (page, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &webKitPage{w: w}
	return p, w.session.call(ctx, http.MethodGet, "/window", nil, &p.handle)
}

func (w *webKit) newWindow(ctx context.Context) (page, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var opened struct{ Handle string }
	err := w.session.call(ctx, http.MethodPost, "/window/new", map[string]any{"type": "tab"}, &opened)
	return &webKitPage{w: w, handle: opened.Handle}, err
}

func (w *webKit) windows(ctx context.Context) (handles []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return handles, w.session.call(ctx, http.MethodGet, "/window/handles", nil, &handles)
}

// webKitPage is a tab of MiniBrowser.
type webKitPage struct {
	w      *webKit
	handle string
}

func (p *webKitPage) console() []string { return nil }

// call is a command for the tab.
func (p *webKitPage) call(ctx context.Context, method, path string, params, into any) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	err := p.w.session.call(ctx, http.MethodPost, "/window", map[string]any{"handle": p.handle}, nil)
	if err != nil {
		return err
	}
	return p.w.session.call(ctx, method, path, params, into)
}

func (p *webKitPage) load(ctx context.Context, url string) error {
	return p.call(ctx, http.MethodPost, "/url", map[string]any{"url": url}, nil)
}

func (p *webKitPage) back(ctx context.Context) error {
	return p.call(ctx, http.MethodPost, "/back", map[string]any{}, nil)
}

func (p *webKitPage) url(ctx context.Context) (url string, err error) {
	return url, p.call(ctx, http.MethodGet, "/url", nil, &url)
}

// webKitScripts are functions that WebKit calls, by what they do with an
// expression. The last argument of an asynchronous one is to be called with the
// result.
var webKitScripts = map[evaluation]string{
	value:   `return {value: (%s)}`,
	effect:  `%s`,
	gesture: `addEventListener("click", event => { event.stopImmediatePropagation(); event.preventDefault(); %s }, {capture: true, once: true})`,
	awaited: `const done = arguments[0];
		(async () => done({value: await (%s)}))().catch(e => done({error: String(e), stack: e?.stack}))`,
}

func (p *webKitPage) evaluate(ctx context.Context, expression string, how evaluation) ([]byte, error) {
	path := "/execute/sync"
	if how == awaited {
		path = "/execute/async"
	}
	var got *struct {
		Value json.RawMessage
		Error string
		Stack string
	}
	script := map[string]any{"script": fmt.Sprintf(webKitScripts[how], expression), "args": []any{}}
	err := p.call(ctx, http.MethodPost, path, script, &got)
	switch {
	case err != nil:
		return nil, err
	case how == gesture:
		return nil, p.click(ctx, 1, 1)
	case how == effect || got == nil:
		return nil, nil
	case got.Error != "":
		return nil, fmt.Errorf("%s\n%s", got.Error, got.Stack)
	default:
		return got.Value, nil
	}
}

func (p *webKitPage) click(ctx context.Context, x, y float64) error {
	return p.call(ctx, http.MethodPost, "/actions", map[string]any{"actions": mouseClick(x, y)}, nil)
}

func (p *webKitPage) popup(ctx context.Context, open func()) (page, error) {
	before, err := p.w.windows(ctx)
	if err != nil {
		return nil, err
	}
	open()
	for {
		now, err := p.w.windows(ctx)
		if err != nil {
			return nil, err
		}
		for _, handle := range now {
			if !slices.Contains(before, handle) {
				return &webKitPage{w: p.w, handle: handle}, nil
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.New("no window was opened")
		}
	}
}

// screenshot waits until what the page shows has been painted.
func (p *webKitPage) screenshot(ctx context.Context) ([]byte, error) {
	if !p.w.scripts {
		return p.paintedScreenshot(ctx)
	}
	const painted = `new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))))`
	if _, err := p.evaluate(ctx, painted, awaited); err != nil {
		return nil, err
	}
	return p.screenshotNow(ctx)
}

func (p *webKitPage) screenshotNow(ctx context.Context) (picture []byte, err error) {
	return picture, p.call(ctx, http.MethodGet, "/screenshot", nil, &picture)
}

// paintTime is how long a page that is not blank may take to be painted.
const paintTime = 10 * time.Second

// paintedScreenshot is for a page without scripts, which cannot tell when it has been
// painted. Until then the picture is of one colour.
func (p *webKitPage) paintedScreenshot(ctx context.Context) ([]byte, error) {
	deadline := time.Now().Add(paintTime)
	for {
		picture, err := p.screenshotNow(ctx)
		if err != nil {
			return nil, err
		}
		blank, err := isBlank(picture)
		if err != nil || !blank || time.Now().After(deadline) {
			return picture, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func isBlank(picture []byte) (bool, error) {
	shown, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return false, err
	}
	area := shown.Bounds()
	first := shown.At(area.Min.X, area.Min.Y)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if shown.At(x, y) != first {
				return false, nil
			}
		}
	}
	return true, nil
}

func (p *webKitPage) close(ctx context.Context) error {
	return p.call(ctx, http.MethodDelete, "/window", nil, nil)
}
