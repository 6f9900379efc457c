package native

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
)

// desk is where one login, or one logout, receives the browser: a server on a
// loopback port, which is open for as long as it is waited for. Visits are handed
// to the one who waits, one after the other.
type desk struct {
	port int

	host    string // the only one it goes by
	visits  chan *visit
	closing chan struct{} // closed by close: nobody waits any more
	server  *http.Server
	serving sync.WaitGroup

	mu     sync.Mutex
	unused map[net.Conn]bool // connections without a request so far
}

const (
	// headerTimeout bounds how long a connection may keep silent, and
	// closeTimeout how long a browser may take to read its last page.
	headerTimeout = 10 * time.Second
	closeTimeout  = 5 * time.Second

	// longestHeader is more than a browser sends with a code and a state.
	longestHeader = 64 << 10
)

// openDesk listens at the host of u, and at its port or at one that is free.
func openDesk(u *url.URL) (*desk, error) {
	listeners, port, err := listen(u)
	if err != nil {
		return nil, err
	}
	d := &desk{
		port:    port,
		host:    hostHeader(u, port),
		visits:  make(chan *visit),
		closing: make(chan struct{}),
		unused:  map[net.Conn]bool{},
	}
	d.server = &http.Server{
		Handler:           d,
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    longestHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // of what a stranger's connection did wrong
		ConnState:         d.note,
	}
	d.server.RegisterOnShutdown(d.dropUnused)
	for _, l := range listeners {
		d.serving.Go(func() { _ = d.server.Serve(l) }) // until close
	}
	return d, nil
}

// hostHeader is what a browser calls the desk: without the port if that is 80.
func hostHeader(u *url.URL, port int) string {
	there := url.URL{Scheme: "http", Host: net.JoinHostPort(u.Hostname(), strconv.Itoa(port))}
	return strings.TrimPrefix(authdomain.OriginOf(&there), "http://")
}

// next returns the next visit, which the caller answers.
func (d *desk) next(ctx context.Context) (*visit, error) {
	select {
	case v := <-d.visits:
		return v, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// close lets the browser read the last page, and frees the port.
func (d *desk) close() {
	close(d.closing)
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if d.server.Shutdown(ctx) != nil {
		_ = d.server.Close()
	}
	d.serving.Wait()
}

// note keeps account of the connections that browsers open in advance, and that
// the server's Shutdown would wait for.
func (d *desk) note(c net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state == http.StateNew {
		d.unused[c] = true
		return
	}
	delete(d.unused, c)
}

func (d *desk) dropUnused() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.unused {
		_ = c.Close()
	}
}

// ServeHTTP takes what a browser asks for that has come back here, and nothing
// that another site has led to this port under a name of its own (DNS
// rebinding).
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Host, d.host) {
		http.Error(w, "wrong host", http.StatusMisdirectedRequest)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
		return
	}
	v := &visit{path: r.URL.Path, query: r.URL.Query(), request: r, answered: make(chan http.HandlerFunc, 1)}
	select {
	case d.visits <- v:
	case <-d.closing:
		strangerPage.serve(w, r)
		return
	case <-r.Context().Done():
		return
	}
	(<-v.answered)(w, r)
}

// visit is a request that waits for its answer. Whoever gets it from next gives
// it one.
type visit struct {
	path     string
	query    url.Values
	request  *http.Request
	answered chan http.HandlerFunc
}

// answer has the browser shown a page.
func (v *visit) answer(p page) { v.answered <- p.serve }

// pass has h answer.
func (v *visit) pass(h http.HandlerFunc) { v.answered <- h }

// tries is how often a free port is looked for that is free on both addresses of
// localhost.
const tries = 10

// listen opens the addresses that the host of u may mean to a browser, at one
// port. Where the system lacks one of them, the other is enough.
func listen(u *url.URL) ([]net.Listener, int, error) {
	port, _ := strconv.Atoi(u.Port()) // 0: any
	addresses := []string{u.Hostname()}
	if net.ParseIP(u.Hostname()) == nil {
		addresses = []string{"127.0.0.1", "::1"}
	}
	var err error
	for range tries {
		var listeners []net.Listener
		var got int
		if listeners, got, err = listenAll(addresses, port); err == nil {
			return listeners, got, nil
		}
		if port != 0 {
			break
		}
	}
	if port != 0 && taken(err) {
		return nil, 0, fmt.Errorf("native: Config.RedirectURI and LogoutRedirectURI: port %d is taken, by another program or by a login of this one that is waiting: end that, or leave the port out to use whichever is free: %w", port, err)
	}
	return nil, 0, fmt.Errorf("native: Config.RedirectURI and LogoutRedirectURI: this machine has no port for the browser to come back to: %w", err)
}

// listenAll opens a port at each address that the system has. One at which it is
// taken is an error, for the browser might go there.
func listenAll(addresses []string, port int) (listeners []net.Listener, _ int, err error) {
	var missing error
	for _, address := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil && !taken(err) {
			missing = err
			continue
		}
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return nil, 0, err
		}
		listeners = append(listeners, l)
		port = l.Addr().(*net.TCPAddr).Port
	}
	if len(listeners) == 0 {
		return nil, 0, missing
	}
	return listeners, port, nil
}
