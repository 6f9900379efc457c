package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/passport-go/passport/passporttest"
)

const (
	// clientID is the program's, as registered with the stand-in.
	clientID = "passport-example-cli"

	// standInURL is where "serve" serves it.
	standInURL = "http://127.0.0.1:3400"
)

func newStandIn(issuer string) *passporttest.AuthDomain {
	return passporttest.New(passporttest.Options{
		Issuer:  issuer + "/",
		Clients: []passporttest.Client{{ID: clientID, AnyLoopback: true}},
		Users: []passporttest.User{
			{
				Subject: "email|65f1c0ffee00000000a11ce0", Email: "alice@example.com", Nickname: "alice", Username: "alice",
				ZkEVMEthAddress:       "0x7a3fE1c58b2D4906aC4e5d0B9f1263784Ea11ce1",
				ZkEVMUserAdminAddress: "0x1d9B04e7c63A85f2De71b60C94a8f53702Ea11ce",
			},
			{Subject: "google-oauth2|104250000000000000b0b", Email: "bob@example.com", Nickname: "bob"},
		},
	})
}

// serve runs the stand-in until ctx is done, where the other commands look for it.
func serve(ctx context.Context, t terminal) error {
	address := cmp.Or(os.Getenv("PASSPORT_AUTH_DOMAIN"), standInURL)
	listener, err := net.Listen("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		return fmt.Errorf("the stand-in cannot be served, or is already: %w", err)
	}
	server := &http.Server{Handler: newStandIn(address), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.print("An auth domain to try it with, at %s.\nIn another terminal:\n\n  %s login\n\nCtrl-C stops it.\n", address, self)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if err := server.Close(); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

var errNoStandIn = errors.New("the stand-in is not served")

// reachStandIn finds out whether the stand-in is there, before a browser shows
// its user that it is not.
func (p *program) reachStandIn(ctx context.Context) error {
	if !p.standIn {
		return nil
	}
	address := strings.TrimPrefix(p.p.Engine().LogoutURL(), "http://")
	address, _, _ = strings.Cut(address, "/")
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return errors.Join(errNoStandIn, err)
	}
	return c.Close()
}
