package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/testprograms"
)

// firefox is a process that the tests share, each with a profile of its own,
// which Firefox calls a container and BiDi a user context.
type firefox struct {
	process *process
	*bidi

	mu    sync.Mutex
	pages map[string]*firefoxPage // by their contexts
	news  chan struct{}           // closed when a page is opened
}

// firefoxPrefs are what the tests need that is not the default: nothing leaves the
// machine. Cookies and popups are as users have them; the preferences that the
// protocol recommends would turn the popup blocker off. Clicks go through the browser,
// as a user's do, and so reach the frames of other sites.
const firefoxPrefs = `
user_pref("remote.prefs.recommended", false);
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("termsofuse.bypassNotification", true);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.server", "");
user_pref("services.settings.server", "data:,");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("remote.events.async.mouse.enabled", true);
`

var firefoxReady = regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`)

func openFirefox(t testing.TB, scripts bool) *Profile {
	t.Helper()
	f := share(t, fmt.Sprintf("Firefox, scripts: %v", scripts), func() (*firefox, func(), error) {
		f, err := launchFirefox(scripts)
		if err != nil {
			return nil, nil, err
		}
		return f, f.end, nil
	})
	var created struct{ UserContext string }
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, f.call(ctx, "browser.createUserContext", map[string]any{}, &created))
	cleanUp(t, "close a profile", func(ctx context.Context) error {
		return f.call(ctx, "browser.removeUserContext", map[string]any{"userContext": created.UserContext}, nil)
	})
	return &Profile{t: t, newPage: func(ctx context.Context) (page, error) {
		var tab struct{ Context string }
		err := f.call(ctx, "browsingContext.create", map[string]any{"type": "tab", "userContext": created.UserContext}, &tab)
		return f.page(tab.Context), err
	}}
}

func launchFirefox(scripts bool) (*firefox, error) {
	path, err := testprograms.Find("firefox-esr")
	if err != nil {
		return nil, err
	}
	process, url, err := start(path, firefoxReady, func(home string, command *exec.Cmd) error {
		prefs := fmt.Sprintf("%suser_pref(\"javascript.enabled\", %v);\n", firefoxPrefs, scripts)
		command.Args = append(command.Args, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", home)
		return os.WriteFile(filepath.Join(home, "user.js"), []byte(prefs), 0o600)
	})
	if err != nil {
		return nil, err
	}
	f := &firefox{process: process, pages: make(map[string]*firefoxPage), news: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if f.bidi, err = dialBiDi(ctx, url+"/session", f.event); err == nil {
		err = errors.Join(
			f.call(ctx, "session.new", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true}}}, nil),
			f.call(ctx, "session.subscribe", map[string]any{"events": []string{"log.entryAdded", "browsingContext.contextCreated"}}, nil),
		)
	}
	if err != nil {
		process.end()
		return nil, err
	}
	return f, nil
}

func (f *firefox) end() {
	_ = f.socket.CloseNow()
	f.process.end()
}

// page returns the page of a context, of which an event may have told before.
func (f *firefox) page(id string) *firefoxPage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known(id)
}

func (f *firefox) known(id string) *firefoxPage {
	p := f.pages[id]
	if p == nil {
		p = &firefoxPage{f: f, id: id}
		f.pages[id] = p
	}
	return p
}

// event keeps what the tests may ask for.
func (f *firefox) event(method string, params json.RawMessage) {
	var e struct {
		Text   string
		Source struct{ Context string }

		Context, Parent, OriginalOpener string
	}
	if json.Unmarshal(params, &e) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case method == "log.entryAdded" && e.Source.Context != "":
		p := f.known(e.Source.Context)
		p.lines = append(p.lines, e.Text)
	case method == "browsingContext.contextCreated" && e.Parent == "" && e.OriginalOpener != "":
		f.known(e.Context).opener = e.OriginalOpener
		close(f.news)
		f.news = make(chan struct{})
	}
}

// opened returns the pages that another has opened, and what is closed when there
// is one more.
func (f *firefox) opened(by string) (pages []*firefoxPage, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pages {
		if p.opener == by {
			pages = append(pages, p)
		}
	}
	return pages, f.news
}

// firefoxPage is a tab of Firefox. Its fields but for f and id are under f.mu.
type firefoxPage struct {
	f      *firefox
	id     string
	opener string
	lines  []string
}

func (p *firefoxPage) console() []string {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	return slices.Clone(p.lines)
}

// call is a command for the tab.
func (p *firefoxPage) call(ctx context.Context, method string, params map[string]any, into any) error {
	params["context"] = p.id
	return p.f.call(ctx, method, params, into)
}

func (p *firefoxPage) load(ctx context.Context, url string) error {
	return p.call(ctx, "browsingContext.navigate", map[string]any{"url": url, "wait": "complete"}, nil)
}

func (p *firefoxPage) back(ctx context.Context) error {
	return p.call(ctx, "browsingContext.traverseHistory", map[string]any{"delta": -1}, nil)
}

func (p *firefoxPage) url(ctx context.Context) (string, error) {
	var tree struct{ Contexts []struct{ URL string } }
	err := p.f.call(ctx, "browsingContext.getTree", map[string]any{"root": p.id, "maxDepth": 0}, &tree)
	if err != nil || len(tree.Contexts) == 0 {
		return "", err
	}
	return tree.Contexts[0].URL, nil
}

func (p *firefoxPage) evaluate(ctx context.Context, expression string, how evaluation) ([]byte, error) {
	var got struct {
		Type             string
		Result           remoteValue
		ExceptionDetails struct{ Text string }
	}
	if err := p.f.call(ctx, "script.evaluate", map[string]any{
		"expression":           expression,
		"target":               map[string]any{"context": p.id},
		"awaitPromise":         how == awaited,
		"userActivation":       how == gesture,
		"serializationOptions": map[string]any{"maxDomDepth": 0},
	}, &got); err != nil {
		return nil, err
	}
	if got.Type == "exception" {
		return nil, errors.New(got.ExceptionDetails.Text)
	}
	if how == effect || how == gesture {
		return nil, nil
	}
	return got.Result.json()
}

func (p *firefoxPage) click(ctx context.Context, x, y float64) error {
	return p.call(ctx, "input.performActions", map[string]any{"actions": mouseClick(x, y)}, nil)
}

func (p *firefoxPage) popup(ctx context.Context, open func()) (page, error) {
	before, _ := p.f.opened(p.id)
	open()
	for {
		now, more := p.f.opened(p.id)
		for _, opened := range now {
			if !slices.Contains(before, opened) {
				return opened, nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, errors.New("no window was opened")
		}
	}
}

func (p *firefoxPage) screenshot(ctx context.Context) ([]byte, error) {
	var shot struct{ Data []byte }
	err := p.call(ctx, "browsingContext.captureScreenshot", map[string]any{}, &shot)
	return shot.Data, err
}

func (p *firefoxPage) close(ctx context.Context) error {
	err := p.call(ctx, "browsingContext.close", map[string]any{}, nil)
	if err != nil && strings.Contains(err.Error(), "no such frame") {
		return nil // it has closed itself
	}
	return err
}

// mouseClick are WebDriver's actions for a click at a point of the viewport.
func mouseClick(x, y float64) []map[string]any {
	return []map[string]any{{
		"type": "pointer",
		"id":   "mouse",
		"actions": []map[string]any{
			{"type": "pointerMove", "x": int(x), "y": int(y), "origin": "viewport"},
			{"type": "pointerDown", "button": 0},
			{"type": "pointerUp", "button": 0},
		},
	}}
}
