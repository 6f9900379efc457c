package native

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/internal/web"
)

// loopback is the server on a loopback port (RFC 8252 §7.3) for one login or one
// logout. The browser starts at the launch's URL and comes back to the same port. If it
// comes back more than once, the first request counts, and all get the same page.
type loopback struct {
	port      int
	host      string // the only Host header that is accepted
	listeners []net.Listener
	server    *http.Server
	serving   sync.WaitGroup

	launch   *launch
	isReturn func(*http.Request) bool
	other    http.HandlerFunc // for requests that are neither launch nor return

	alive context.Context // until there is an answer, or close
	stop  context.CancelFunc

	first    sync.Once
	leave    sync.Once
	launched chan struct{}      // closed when the browser goes to the auth domain
	returned chan *http.Request // the first
	failed   chan error         // the launch cannot be trusted, or reached
	answered chan struct{}      // closed by answer

	// stateless is an error that the provider has sent without the state of the login.
	stateless atomic.Pointer[provider.Error]

	pages   *pages.Set
	page    message       // valid once answered is closed
	closing chan struct{} // closed by close: there will be no answer
	closed  sync.Once
	end     *time.Timer // calls close; nil unless the server lingers

	mu     sync.Mutex
	open   []net.Conn        // the connections, the oldest first
	unused map[net.Conn]bool // connections that have not sent a request yet
	active map[net.Conn]bool // connections with a request in progress
	quiet  chan struct{}     // closed when active is empty; nil if nobody waits
}

const (
	// headerTimeout bounds how long a connection may take to send its request,
	// and closeTimeout how long a browser may take to read its last page.
	headerTimeout = 10 * time.Second
	closeTimeout  = 5 * time.Second

	// lingerTime is how long the server keeps answering at the end, because some
	// browsers request a page twice.
	lingerTime = 2 * time.Second

	// longestHeader is more than a browser sends: it may keep 180 cookies of 4 KB for this
	// address, of all that has ever been developed on this machine.
	longestHeader = 1 << 20

	// mostConnections is more than a browser opens to one address.
	mostConnections = 64
)

// openLoopback listens on the host of u, with its port or a free one. It shows the
// pages of set.
func openLoopback(u *url.URL, set *pages.Set) (*loopback, error) {
	listeners, port, err := listen(u)
	if err != nil {
		return nil, err
	}
	alive, stop := context.WithCancel(context.Background())
	l := &loopback{
		alive:     alive,
		stop:      stop,
		port:      port,
		host:      hostHeader(u, port),
		listeners: listeners,
		pages:     set,
		launch:    newLaunch(),
		launched:  make(chan struct{}),
		returned:  make(chan *http.Request, 1),
		failed:    make(chan error, 1),
		answered:  make(chan struct{}),
		closing:   make(chan struct{}),
		unused:    map[net.Conn]bool{},
		active:    map[net.Conn]bool{},
	}
	l.server = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    longestHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // of what a stranger's connection did wrong
		ConnState:         l.track,
	}
	l.server.RegisterOnShutdown(l.dropUnused)
	return l, nil
}

// start begins to serve, and returns the URL of the launch, from where a browser is sent
// to what to returns then. isReturn matches the requests by which it comes back; other
// handles the rest.
func (l *loopback) start(to func(context.Context) string, isReturn func(*http.Request) bool, other http.HandlerFunc) string {
	l.launch.to, l.isReturn, l.other = to, isReturn, other
	for _, listener := range l.listeners {
		l.serving.Go(func() { _ = l.server.Serve(listener) }) // until close
	}
	return "http://" + l.host + l.launch.path
}

// hasLaunched reports whether a browser has been sent on to the auth domain.
func (l *loopback) hasLaunched() bool {
	select {
	case <-l.launched:
		return true
	default:
		return false
	}
}

// wait returns the request with which the browser comes back. The error says that the
// launch cannot be trusted, or is that of ctx.
func (l *loopback) wait(ctx context.Context) (*http.Request, error) {
	var back *http.Request
	var ended error
	select {
	case back = <-l.returned:
	case err := <-l.failed:
		return nil, err
	case <-ctx.Done():
		ended = ctx.Err()
	}
	select {
	case err := <-l.failed: // which says more
		return nil, err
	default:
		return back, ended
	}
}

// answer sends the browser its last page, and returns when it has been sent. The
// server keeps answering.
func (l *loopback) answer(m message) {
	m.cookies = append(slices.Clone(m.cookies), l.launch.expiring(lingerTime)...)
	l.page = m
	close(l.answered)
	l.stop()
	l.awaitQuiet(closeTimeout)
}

// close frees the port, after answering the requests in progress.
func (l *loopback) close() {
	l.closed.Do(func() {
		close(l.closing)
		l.stop()
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if l.server.Shutdown(ctx) != nil {
			_ = l.server.Close()
		}
		for _, listener := range l.listeners { // if it was never started
			_ = listener.Close()
		}
		l.serving.Wait()
	})
}

// fail ends the wait for the browser.
func (l *loopback) fail(err error) {
	select {
	case l.failed <- err:
	default: // it has failed already
	}
}

// ServeHTTP accepts requests of this user's browser. It rejects those that another
// site sends here under its own host name (DNS rebinding).
func (l *loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 { // no browser sends a body here, and nobody waits for it
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	}
	switch {
	case !strings.EqualFold(r.Host, l.host):
		l.refuseHost(w, r)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
	case web.IsPrefetch(r):
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "not in advance", http.StatusServiceUnavailable)
	case !l.launch.isAt(r) && !l.isReturn(r):
		l.other(w, r) // before what costs more
	case isAnotherUser(r):
		l.refuse(w, r, errAnotherUser, anotherUserPage)
	case r.URL.Path == l.launch.path:
		l.serveLaunch(w, r)
	case r.URL.Path == l.launch.onward:
		l.serveOnward(w, r)
	default:
		l.serveReturn(w, r)
	}
}

// refuseHost answers a request for another host. If it knows the path of the launch, it is
// of the user's browser, which reached the port by way of another one.
func (l *loopback) refuseHost(w http.ResponseWriter, r *http.Request) {
	if l.launch.isAt(r) && !l.hasLaunched() {
		l.fail(fmt.Errorf("%w: it asked for the page at %s, which is at %s: a port that is forwarded has to keep its number",
			ErrNoBrowser, text.Line(r.Host, 255), l.host))
	}
	http.Error(w, "wrong host: this is "+l.host+", and a port that is forwarded has to keep its number", http.StatusMisdirectedRequest)
}

// refuse shows m and fails the login or logout.
func (l *loopback) refuse(w http.ResponseWriter, r *http.Request, err error, m message) {
	l.fail(err)
	l.show(w, r, m)
}

func (l *loopback) serveReturn(w http.ResponseWriter, r *http.Request) {
	if !l.launch.isFrom(r) {
		l.refuse(w, r, errOtherBrowser, otherBrowserPage)
		return
	}
	l.first.Do(func() { l.returned <- r })
	select {
	case <-l.answered:
		l.show(w, r, l.page)
	case <-l.closing:
		l.showUnexpected(w, r)
	case <-r.Context().Done():
	}
}

// track records which connections have a request in progress, and which have sent
// none: browsers open some in advance, and Shutdown would wait for them. It bounds how
// many there are, since any program of the machine can open some.
func (l *loopback) track(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.unused, c)
	delete(l.active, c)
	switch state {
	case http.StateNew:
		if l.open = append(l.open, c); len(l.open) > mostConnections {
			l.dropOldest()
		}
		l.unused[c] = true
	case http.StateActive:
		l.active[c] = true
	case http.StateClosed:
		l.open = slices.DeleteFunc(l.open, func(other net.Conn) bool { return other == c })
	}
	if len(l.active) == 0 && l.quiet != nil {
		close(l.quiet)
		l.quiet = nil
	}
}

// dropOldest closes the oldest connection, if possible one without a request in progress.
// The caller holds l.mu.
func (l *loopback) dropOldest() {
	oldest := l.open[:len(l.open)-1] // the last one has just been opened
	i := max(0, slices.IndexFunc(oldest, func(c net.Conn) bool { return !l.active[c] }))
	_ = oldest[i].Close()
	l.open = slices.Delete(l.open, i, i+1)
}

// awaitQuiet waits until no request is in progress.
func (l *loopback) awaitQuiet(timeout time.Duration) {
	l.mu.Lock()
	if len(l.active) == 0 {
		l.mu.Unlock()
		return
	}
	quiet := make(chan struct{})
	l.quiet = quiet
	l.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-quiet:
	case <-timer.C:
	}
}

func (l *loopback) dropUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.unused {
		_ = c.Close()
	}
}
