// Htmx is a page whose parts htmx loads. A part that finds the session gone takes the
// whole page to the login, and comes back to the page.
//
//	go run ./examples/recipes/htmx
package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

var (
	// page keeps no pages in htmx's own history: they would outlive the logout.
	//
	//go:embed page.html
	page []byte

	// script is htmx.org's, as on npm (license 0BSD).
	//
	//go:embed htmx-2.0.11.min.js
	script []byte
)

func main() { run.Main(serve) }

func serve(ctx context.Context, listener net.Listener, c passport.Config) error {
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout) // answers htmx with HX-Redirect
	mux.HandleFunc("GET /{$}", home)
	mux.Handle("GET /shop", p.RequireLogin(http.HandlerFunc(shop)))
	mux.Handle("GET /inventory", p.RequireLogin(http.HandlerFunc(inventory)))
	mux.HandleFunc("GET /htmx.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script) // fails only if the browser is gone
	})
	return run.HTTP(ctx, listener, p.Handler(mux), p)
}

func home(w http.ResponseWriter, r *http.Request) {
	if passport.SessionFrom(r.Context()) != nil {
		http.Redirect(w, r, "/shop", http.StatusSeeOther)
		return
	}
	_ = run.Home(w, "")
}

func shop(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }

// inventory is a part of the page.
func inventory(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context()) // never nil in here
	fmt.Fprintln(w, "The inventory of", session.Subject())
}
