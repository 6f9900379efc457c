// Cluster is one program on two instances, behind a proxy that hands each
// request to the next of them. They share a Redis and their encryption keys,
// and nothing else: sign in on one, sign out on the other, and watch the stream
// that the first one carries end.
//
//	go run ./examples/cluster
//
// needs neither an account nor a network, for it brings an auth domain of its
// own, and starts redis-server on a free port of this machine. Open
// http://localhost:3001, or set PORT to another port. With REDIS_ADDR set, such
// as localhost:6379, it uses that server instead, under a prefix of its own;
// what it leaves there expires.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until ctx is done, and then stops everything that it has started.
func run(ctx context.Context, out io.Writer) error {
	listener, err := listen(cmp.Or(os.Getenv("PORT"), "3001"))
	if err != nil {
		return err
	}
	defer listener.Close()
	c, err := newCluster(ctx, listener, slog.New(slog.NewTextHandler(out, nil)))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\n  Open %s and sign in, in a private window too.\n\n"+
		"  Redis is at %s, the auth domain is a stand-in at %s.\n  Ctrl-C stops the program.\n\n",
		c.base, c.redis.addr, c.auth.URL)
	return c.run(ctx)
}

func listen(port string) (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("localhost", port))
	if err != nil {
		return nil, fmt.Errorf("cluster: port %s cannot be used: %w\n\nIf another program has it, choose another port:\n\n    PORT=3002 go run ./examples/cluster", port, err)
	}
	return listener, nil
}
