package passporttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"sync"
)

// Server serves an auth domain, on a port of the loopback interface unless
// [Options.Addr] says otherwise.
type Server struct {
	*AuthDomain

	// URL is the base URL, such as "http://127.0.0.1:1234", without a slash at the
	// end.
	URL string

	server      *http.Server
	certificate *x509.Certificate // nil without TLS
	transport   *http.Transport
	accepting   sync.WaitGroup
	answering   sync.RWMutex // held for reading by each request
}

// NewServer starts an auth domain; the caller must Close it. It panics if it cannot
// listen, as httptest.NewServer does, and if o is invalid, as [New] does.
func NewServer(o Options) *Server {
	d := New(o)
	listener, err := net.Listen("tcp", d.options.Addr)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	s := &Server{AuthDomain: d}
	s.server = &http.Server{Handler: s.counted(d), ErrorLog: log.New(io.Discard, "", 0)}
	host := publicHost(d.options.Host, listener.Addr())
	s.URL = "http://" + host
	if o.TLS {
		s.URL = "https://" + host
		s.server.TLSConfig = s.newTLSConfig(host)
	}
	if o.Issuer == "" {
		d.setIssuer(s.URL + "/")
	}
	s.transport = s.newTransport(host, listener.Addr().String())
	s.accepting.Go(func() { s.serve(listener) })
	d.options.Logger.Warn("passporttest: stand-in for tests, never for production: anybody signs in as any user", "url", s.URL)
	return s
}

// publicHost returns the host and port for the URL of a server that listens on addr.
func publicHost(host string, addr net.Addr) string {
	if host == "" {
		return addr.String()
	}
	_, port, _ := net.SplitHostPort(addr.String()) // a listener's address has one
	return net.JoinHostPort(host, port)
}

// serve returns when the server is closed, with an error that says so.
func (s *Server) serve(l net.Listener) {
	if s.server.TLSConfig != nil {
		_ = s.server.ServeTLS(l, "", "")
		return
	}
	_ = s.server.Serve(l)
}

// counted lets Close wait for requests in progress.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answering.RLock()
		defer s.answering.RUnlock()
		next.ServeHTTP(w, r)
	})
}

// Close stops the server: it closes all connections, even those of requests that hang,
// and returns when no goroutine of the server is left. Closing it again does nothing.
// The methods of the auth domain still work.
func (s *Server) Close() {
	_ = s.server.Close()
	s.outbox.close()
	s.accepting.Wait()
	s.answering.Lock()
	defer s.answering.Unlock()
	s.transport.CloseIdleConnections()
}

// Client returns an HTTP client for the program under test, such as its HTTPClient: it
// resolves the server's host name, and all names under localhost, without DNS, and
// trusts the server's certificate. It keeps no cookies.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: s.transport}
}

// Browser returns a substitute for a user's browser: a [Server.Client] that follows
// redirects and keeps cookies. Each call returns another browser.
//
// Its requests carry the Fetch Metadata of a navigation (Sec-Fetch-Site and the
// others), by which a program sees that a logout has come back from the auth domain. A
// GET counts as typed by the user, and a POST as sent by a form on a page of the same
// origin; set Referer to name another page. A request that accepts no HTML, or has
// HX-Request, counts as a script's fetch on such a page; one with Upgrade opens a
// WebSocket there. Headers that a test sets are kept, such as Sec-Fetch-Dest: iframe.
//
// Cookies ignore ports: one that the program under test sets on 127.0.0.1 is also sent
// to the auth domain on 127.0.0.1, and vice versa, as in a real browser.
func (s *Server) Browser() *http.Client {
	jar, _ := cookiejar.New(nil) // never fails
	return &http.Client{Transport: fetchMetadata{s.transport}, Jar: jar}
}

// Certificate returns the server's certificate, or nil without [Options.TLS].
func (s *Server) Certificate() *x509.Certificate { return s.certificate }

// Trust makes [Server.Client] and [Server.Browser] trust the certificate of another
// server, such as the program under test if httptest serves it over https:
//
//	auth.Trust(app.Certificate())
//
// Call it before the first request of either.
func (s *Server) Trust(certificate *x509.Certificate) {
	if s.transport.TLSClientConfig == nil {
		s.transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	}
	s.transport.TLSClientConfig.RootCAs.AddCert(certificate)
}

// newTransport returns a transport that resolves host, the server's name, to addr.
func (s *Server) newTransport(host, addr string) *http.Transport {
	t := &http.Transport{ForceAttemptHTTP2: true}
	t.DialContext = func(ctx context.Context, network, target string) (net.Conn, error) {
		if target == host {
			target = addr
		}
		return dialLocalhost(ctx, network, target)
	}
	if s.certificate != nil {
		roots := x509.NewCertPool()
		roots.AddCert(s.certificate)
		t.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return t
}
