package browsertest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/pages"
	"github.com/stretchr/testify/require"
)

// The hosts of a lab. Each name right under localhost is a site of its own.
const (
	appHost      = "app.localhost"
	authHost     = "auth.localhost"
	callbackHost = "callback.app.localhost"
	evilHost     = "evil.localhost"
)

// ownPages are the pages of the lab's program.
var ownPages, _ = pages.NewSet(passport.Config{}.Pages, slog.New(slog.DiscardHandler))

// lab is the smallest world in which passport.js and the pages can be watched:
// one server that is the app, the auth domain, the callback and a hostile site,
// by the name it is called. What the program would decide, the test decides.
type lab struct {
	t      testing.TB
	server *httptest.Server

	// Set these before the first request.
	answer   pages.Answer                                 // to POST /logout
	status   int                                          // of that answer
	post     func(w http.ResponseWriter, r *http.Request) // unless nil, answers instead
	logout   func(w http.ResponseWriter, r *http.Request) // /v2/logout on the auth domain
	callback *pages.Callback
	done     bool             // what the callback page says of the Passport session
	policy   string           // the app's Content-Security-Policy
	evil     string           // the hostile site's page
	other    http.HandlerFunc // unless nil, answers what is not listed below
	app      string           // put into the app's page
	isolate  bool             // the app's pages are cross-origin isolated

	mu   sync.Mutex
	seen []string
}

func newLab(t testing.TB) *lab {
	l := &lab{t: t, status: http.StatusOK, done: true}
	l.server = httptest.NewServer(l)
	t.Cleanup(l.server.Close)

	l.answer = pages.Answer{
		Mode:       "silent",
		Timeout:    patience.Milliseconds(),
		Fallback:   "report",
		App:        "done",
		Revocation: "done",
		Passport:   "pending",
	}
	l.callbackAt(callbackHost)
	l.policy = "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-src " +
		l.at(authHost, "") + " " + l.at(callbackHost, "")
	var err error
	l.callback, err = ownPages.NewCallback(l.at(appHost, "/"))
	require.NoError(t, err)
	return l
}

// callbackAt moves the callback to a host.
func (l *lab) callbackAt(host string) {
	returnTo := l.at(host, "/silent-logout")
	l.answer.URL = l.at(authHost, "/v2/logout?client_id=c&returnTo="+url.QueryEscape(returnTo))
	l.answer.Callback = l.at(host, "")
	l.logout = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, returnTo, http.StatusFound) }
}

// at is the address of a path on one of the hosts.
func (l *lab) at(host, path string) string {
	return strings.Replace(l.server.URL, "127.0.0.1", host, 1) + path
}

func (l *lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	l.mu.Lock()
	l.seen = append(l.seen, r.Method+" "+host+r.URL.Path)
	l.mu.Unlock()
	switch host + r.URL.Path {
	case appHost + "/passport.js", appHost + "/passport.mjs":
		pages.Script("/logout").ServeHTTP(w, r)
	case appHost + "/logout":
		l.serveLogout(w, r)
	case authHost + "/v2/logout":
		l.logout(w, r)
	case callbackHost + "/silent-logout", appHost + "/silent-logout":
		l.callback.Serve(w, r, pages.Return{Done: l.done})
	case evilHost + "/":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, l.evil)
	case appHost + "/", appHost + "/bye":
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", l.policy)
		if l.isolate {
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
			w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		}
		fmt.Fprintf(w, appPage, l.app)
	default:
		if l.other == nil {
			http.NotFound(w, r)
			return
		}
		l.other(w, r)
	}
}

const appPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>app</title>
<script src="/passport.js" data-logout="/logout" defer></script></head>
<body><h1>Alice's inventory</h1>
<form method="post" action="/logout" data-passport-logout>
<input type="hidden" name="return_to" value="/bye">
<button name="submit">Sign out</button>
</form>
%s</body></html>`

func (l *lab) serveLogout(w http.ResponseWriter, r *http.Request) {
	if l.post != nil {
		l.post(w, r)
		return
	}
	a := l.answer
	a.ReturnTo = r.PostFormValue("return_to")
	if r.Header.Get("Accept") != "application/json" {
		if err := ownPages.ServeSilent(w, r, a); err != nil {
			panic(err)
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(l.status)
	_ = json.NewEncoder(w).Encode(a)
}

// requests are those that came for a path, oldest first, as "POST host/path".
func (l *lab) requests(path string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.seen {
		if strings.HasSuffix(line, path) {
			found = append(found, line)
		}
	}
	return found
}

// open shows the app in a new tab, with its events kept in window.events.
func (l *lab) open() *Tab {
	l.t.Helper()
	return l.openIn(Open(l.t, Blocked))
}

func (l *lab) openIn(p *Profile) *Tab {
	l.t.Helper()
	tab := p.Tab()
	tab.Go(l.at(appHost, "/"))
	watchEvents(tab)
	return tab
}

// watchEvents keeps the events of passport.js in window.events.
func watchEvents(tab *Tab) {
	tab.t.Helper()
	tab.Run(`window.events = [];
		for (const name of ["passport:logout", "passport:error"])
			document.addEventListener(name, e => events.push({type: name, ...e.detail}))`)
}

// outcome is what passport.logout() resolves or rejects with.
type outcome struct {
	Mode, App, Revocation, Passport, URL, ReturnTo string

	// Set if it rejected.
	Name, Message, Reason string
}

// settle is JavaScript for a promise of an outcome that never rejects.
func settle(call string) string {
	return `(` + call + `).catch(e => ({name: e.name, message: e.message, reason: e.reason, ...e.outcome}))`
}

// held makes a handler wait. Calling it twice does no harm; the test's end
// calls it too.
func held(t testing.TB, h http.HandlerFunc) (waiting http.HandlerFunc, release func()) {
	gate := make(chan struct{})
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-gate:
			h(w, r)
		case <-r.Context().Done():
		}
	}, release
}

// await waits until a condition on the server's side is true.
func await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, time.Millisecond, what)
}
