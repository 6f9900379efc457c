// Wasm is a small game in the browser, a Go program compiled to WebAssembly, whose
// player signs in and out with Passport.
//
//	go run ./examples/wasm
//
// compiles and serves it, and needs neither an account nor a network, for it
// brings an auth domain of its own. Open http://localhost:3000, or set PORT to
// another port. PORTAL names an origin that may embed the game, as portals do. The
// game itself is in ./examples/wasm/game; the site has nothing
// but files.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/passport-go/passport/passporttest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves the site until ctx is done.
func run(ctx context.Context, out io.Writer) error {
	port := cmp.Or(os.Getenv("PORT"), "3000")
	listener, err := net.Listen("tcp", net.JoinHostPort("localhost", port))
	if err != nil {
		return fmt.Errorf("wasm: port %s cannot be used: %w\n\nIf another program has it, choose another port:\n\n    PORT=3001 go run ./examples/wasm", port, err)
	}
	defer listener.Close()
	base := fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)

	_, _ = fmt.Fprintln(out, "\n  Compiling the game, which takes a minute the first time.")
	g, err := compile(ctx)
	if err != nil {
		return err
	}
	auth := standIn(base)
	defer auth.Close()
	_, _ = fmt.Fprintf(out, "\n  Open %s and sign in.\n\n  The game: %s.\n  Its auth domain: a stand-in at %s.\n  Ctrl-C stops the program.\n\n", base, g.size(), auth.URL)

	server := &http.Server{Handler: site(g, auth.URL), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}

// standIn starts an auth domain on a free port. Its host is 127.0.0.1, which to a
// browser is another site than localhost, as the real one is another than yours.
func standIn(base string) *passporttest.Server {
	return passporttest.NewServer(passporttest.Options{
		Clients: []passporttest.Client{{
			ID:           clientID,
			RedirectURIs: []string{base + "/redirect"},
			LogoutURLs:   []string{base + "/", base + "/logout"},
		}},
	})
}
