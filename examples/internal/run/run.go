// Package run starts an example. It brings an auth domain of its own, so that the
// example needs neither an account nor a network.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// patience bounds what is left to do when a program ends.
const patience = 5 * time.Second

// Program serves an example on a listener until ctx is done. c is [Config]'s.
type Program func(ctx context.Context, listener net.Listener, c passport.Config) error

// Config is what an example cannot know by itself. Yours comes from
// [passport.ConfigFromEnv], or is written down.
func Config(base, authDomain string) passport.Config {
	return passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        authDomain, // leave it out for the real one
		RedirectURI:       base + "/redirect",
		LogoutRedirectURI: base + "/",
	}
}

// Main is an example's main: it runs the program at http://localhost:3000, or at
// PORT, until Ctrl-C.
func Main(program Program) { MainAt("", passporttest.Options{}, program) }

// MainAt is Main for a program that users reach at another base URL, through a proxy,
// unless public is empty, and with an auth domain of one's own choice.
func MainAt(public string, o passporttest.Options, program Program) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := serve(ctx, public, o, program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, public string, o passporttest.Options, program Program) error {
	port := cmp.Or(os.Getenv("PORT"), "3000")
	listener, err := net.Listen("tcp", net.JoinHostPort("localhost", port))
	if err != nil {
		return fmt.Errorf("port %s cannot be used: %w\n\nSet PORT to another one, or to 0 for any", port, err)
	}
	defer listener.Close()
	base := cmp.Or(public, fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port))
	auth := passporttest.NewServer(o)
	defer auth.Close()
	fmt.Printf("\n  Open %s and sign in.\n\n  Its auth domain is a stand-in at %s.\n  Ctrl-C stops the program.\n\n", base, auth.URL)
	c := Config(base, auth.URL)
	if o.TLS {
		c.HTTPClient = auth.Client() // knows its certificate
	}
	return program(ctx, listener, c)
}

// HTTP serves a handler until ctx is done, and then closes the Passports. The contexts
// of the requests end with ctx: [http.Server.Shutdown] waits for streams, and ends none.
func HTTP(ctx context.Context, listener net.Listener, handler http.Handler, all ...*passport.Passport) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	closing, cancel := Closing()
	defer cancel()
	err = errors.Join(err, server.Shutdown(closing))
	for _, p := range all {
		err = errors.Join(err, p.Close(closing))
	}
	return err
}

// Closing is the context of what a program does at its end.
func Closing() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
