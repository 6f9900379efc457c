package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/stretchr/testify/require"
)

// serveVariable makes this test binary a server of one kind.
const serveVariable = "PASSPORT_BENCH_SERVE"

// clients is how many connections ask a server at once.
const clients = 16

// BenchmarkServer is a whole net/http server that has one processor core for
// itself, in a process of its own. The limit is the handler alone; "no-store" is
// what it costs net/http to send the header of that name, as every personal
// answer has to.
func BenchmarkServer(b *testing.B) {
	for _, kind := range []string{"limit", "no-store", "passport", "scs"} {
		addr, cookie := startServer(b, kind)
		request := fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: app.example\r\nCookie: %s\r\n\r\n", cookie)
		b.Run(kind, func(b *testing.B) { askInParallel(b, addr, request) })
	}
}

func askInParallel(b *testing.B, addr string, request []byte) {
	b.SetParallelism((clients + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for pb.Next() {
			if err := ask(conn, answers, request); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// ask sends a request and reads the answer, at less cost than net/http's client:
// it is the server that is measured.
func ask(conn net.Conn, answers *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	status, err := answers.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 204 ")) {
		return fmt.Errorf("the server answers %q", status)
	}
	for {
		line, err := answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= len("\r\n") {
			return nil
		}
	}
}

// startServer runs this binary once more, until the benchmark ends.
func startServer(b *testing.B, kind string) (addr, cookie string) {
	b.Helper()
	self, err := os.Executable()
	require.NoError(b, err)
	command := exec.Command(self)
	command.Env = append(os.Environ(), serveVariable+"="+kind, "GOMAXPROCS=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(b, err)
	stdout, err := command.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, command.Start())
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(b, err, "the server says where it listens")
	addr, cookie, _ = strings.Cut(strings.TrimSpace(line), " ")
	return addr, cookie
}

// serve serves a contender until the standard input ends.
func serve(kind string) {
	p := process{}
	c := contender{handler: http.HandlerFunc(noContent), cookies: []string{"passport=" + secretID()}}
	switch kind {
	case "no-store":
		c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			noContent(w, r)
		})
	case "passport":
		c = passportSessions(p, users, nil, 0)
	case "scs":
		c = scsSessions(p, memstore.New(), 0)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(p, err)
	go func() { require.NoError(p, http.Serve(listener, c.handler)) }()
	fmt.Println(listener.Addr(), c.cookies[0])
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// process owns what ends with it.
type process struct{}

func (process) Helper()        {}
func (process) Cleanup(func()) {}
func (process) FailNow()       { os.Exit(1) }
func (process) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
