// Connect is a service on connectrpc.com/connect. It lets in the page of the site, by
// the cookie of its session, and other programs, by a bearer token.
//
//	go run ./examples/recipes/connect
package main

import (
	"context"
	_ "embed"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

// The procedures, which are in your .proto file.
const (
	list  = "/inventory.v1.InventoryService/List"
	watch = "/inventory.v1.InventoryService/Watch"
)

//go:embed page.html
var page []byte

func main() { run.Main(serve) }

func serve(ctx context.Context, listener net.Listener, c passport.Config) error {
	c.BearerTokens = true
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /{$}", home)

	users := connect.WithInterceptors(&users{p})
	foreign := http.NewCrossOriginProtection() // other sites' pages must not use the cookie
	mux.Handle(list, foreign.Handler(connect.NewUnaryHandlerSimple(list, listItems, users)))
	mux.Handle(watch, foreign.Handler(connect.NewServerStreamHandlerSimple(watch, watchItems, users)))
	return run.HTTP(ctx, listener, p.Handler(mux), p)
}

func home(w http.ResponseWriter, r *http.Request) {
	if passport.SessionFrom(r.Context()) == nil {
		_ = run.Home(w, "") // fails only if the browser is gone
		return
	}
	_, _ = w.Write(page)
}

func listItems(ctx context.Context, _ *emptypb.Empty) (*wrapperspb.StringValue, error) {
	return wrapperspb.String("The inventory of " + userFrom(ctx)), nil
}

// watchItems runs until the user is signed out, or does not listen any more.
func watchItems(ctx context.Context, _ *emptypb.Empty, stream *connect.ServerStream[wrapperspb.StringValue]) error {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		if err := stream.Send(wrapperspb.String("The inventory of " + userFrom(ctx))); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
}
