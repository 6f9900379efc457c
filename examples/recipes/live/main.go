// Live is a page with server-sent events and a WebSocket. Both end when the user signs
// out, wherever that is.
//
//	go run ./examples/recipes/live
package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

//go:embed page.html
var page []byte

func main() { run.Main(serve) }

func serve(ctx context.Context, listener net.Listener, c passport.Config) error {
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /{$}", home)
	mux.Handle("GET /events", p.RequireLogin(http.HandlerFunc(events)))
	mux.Handle("GET /socket", p.RequireLogin(http.HandlerFunc(socket)))
	return run.HTTP(ctx, listener, p.Handler(mux), p)
}

func home(w http.ResponseWriter, r *http.Request) {
	if passport.SessionFrom(r.Context()) == nil {
		_ = run.Home(w, "") // fails only if the browser is gone
		return
	}
	_, _ = w.Write(page)
}

// events ends with the session. The browser would connect again, and be refused; the
// last event tells the page why.
func events(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context()) // never nil in here
	w.Header().Set("Content-Type", "text/event-stream")
	stream := http.NewResponseController(w)
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for now := time.Now(); ; {
		fmt.Fprintf(w, "data: %s\n\n", now.Format(time.TimeOnly))
		if stream.Flush() != nil {
			return
		}
		select {
		case <-session.Done(r.Context()):
			fmt.Fprint(w, "event: signed-out\ndata:\n\n")
			return
		case <-r.Context().Done():
			return
		case now = <-ticks.C:
		}
	}
}

// socket ends with the session, with a code that tells the page why. Accept refuses
// pages of other origins, which could otherwise use the cookie.
func socket(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context()) // never nil in here
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(r.Context()) // the request's own does not end with a WebSocket
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for now := time.Now(); ; {
		if conn.Write(ctx, websocket.MessageText, []byte(now.Format(time.TimeOnly))) != nil {
			return
		}
		select {
		case <-session.Done(ctx):
			_ = conn.Close(websocket.StatusPolicyViolation, "signed out")
			return
		case <-ctx.Done():
			return
		case now = <-ticks.C:
		}
	}
}
