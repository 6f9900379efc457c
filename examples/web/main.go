// Web is a small site that signs users in and out, and shows what becomes of
// their two sessions meanwhile: the app session and the Passport session.
//
//	go run ./examples/web
//
// needs neither an account nor a network, for it brings an auth domain of its
// own. Open http://localhost:3000, or set PORT to another port. With -same-site
// the auth domain is on the site's own host, as one with a custom domain is; a
// browser that blocks third-party cookies then completes a silent logout too.
//
// With PASSPORT_CLIENT_ID set it uses the real auth domain, as
// passport.ConfigFromEnv describes. On its way up it says which URLs must be
// registered in Hub for that.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/passport-go/passport"
)

func main() {
	sameSite := flag.Bool("same-site", false, "put the stand-in auth domain on the site's own host")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, os.Stdout, *sameSite); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves the site until ctx is done.
func run(ctx context.Context, out io.Writer, sameSite bool) error {
	listener, err := listen(cmp.Or(os.Getenv("PORT"), "3000"))
	if err != nil {
		return err
	}
	defer listener.Close()
	base := fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)

	s, err := open(base, sameSite)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\n  Open %s and sign in.\n\n  %s\n  Ctrl-C stops the program.\n\n", base, s.about())
	return errors.Join(serve(ctx, listener, s), s.close())
}

// open makes the site for one base URL, with the auth domain that the
// environment asks for.
func open(base string, sameSite bool) (*site, error) {
	if os.Getenv("PASSPORT_CLIENT_ID") == "" {
		auth := standIn(base, sameSite)
		return newSite(base, passport.Config{ClientID: clientID, AuthDomain: auth.URL}, auth)
	}
	config, err := passport.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	return newSite(base, config, nil)
}

func listen(port string) (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("localhost", port))
	if err != nil {
		return nil, fmt.Errorf("web: port %s cannot be used: %w\n\nIf another program has it, choose another port:\n\n    PORT=3001 go run ./examples/web", port, err)
	}
	return listener, nil
}

// serve returns when ctx is done and the last request has been answered.
func serve(ctx context.Context, l net.Listener, s *site) error {
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(s.journal.close) // ends the live panels, which would go on for ever
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}
