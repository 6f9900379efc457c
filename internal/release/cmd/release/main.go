// Command release makes a release of the repository that it is run in, and pushes
// nothing: release v0.1.0.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/passport-go/passport/internal/release"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: release v0.1.0, or make release VERSION=v0.1.0")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := release.Cut(ctx, ".", os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
