// Spa is a single-page app of Vite, React and TypeScript, with its back end. The app
// imports passport.js as a module, with its types.
//
//	(cd examples/spa/web && npm ci && npm run build)
//	go run ./examples/spa
//
// Vite needs Node.js 20.19 or 22.12 and later, which is newer than that of Debian 12: npm
// says so, and installs nothing.
// Open http://localhost:3000, or set PORT to another port. With -silent, a logout does
// not leave the page. With -dev the files come from Vite: run npm run dev in
// examples/spa/web too, and open http://localhost:5173.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
	"github.com/passport-go/passport/passporttest"
)

// devServer is where Vite serves the app during development, and forwards from.
const devServer = "http://localhost:5173"

func main() {
	silent := flag.Bool("silent", false, "end the Passport session in a hidden iframe")
	dev := flag.Bool("dev", false, "users come through Vite, at "+devServer)
	dist := flag.String("dist", filepath.FromSlash("examples/spa/web/dist"), "the directory of the built app")
	flag.Parse()
	base := ""
	if *dev {
		base = devServer
	}
	run.MainAt(base, passporttest.Options{}, func(ctx context.Context, listener net.Listener, c passport.Config) error {
		if _, err := os.Stat(filepath.Join(*dist, "index.html")); !*dev && err != nil {
			return errors.New("the app is not built: run npm ci and npm run build in examples/spa/web")
		}
		home := c.LogoutRedirectURI
		if *silent {
			c.LogoutMode, c.LogoutRedirectURI = passport.LogoutSilent, home+"silent-logout"
		}
		p, err := passport.New(c)
		if err != nil {
			return err
		}
		return run.HTTP(ctx, listener, p.Handler(withPolicy(c.AuthDomain, routes(p, home, *dist))), p)
	})
}

// routes are the back end, and the files of the app. home is where the app is.
func routes(p *passport.Passport, home, dist string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /session", p.SessionInfo)
	mux.Handle("GET /passport.mjs", p.Script())
	mux.Handle("GET /api/inventory", p.RequireLogin(http.HandlerFunc(inventory)))
	mux.Handle("GET /silent-logout", p.LogoutSilentCallback(home)) // used in silent mode
	mux.Handle("GET /", http.FileServer(http.Dir(dist)))
	return mux
}

func inventory(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context()) // never nil in here
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "[\"The sword of %s\"]\n", session.Subject())
}

// withPolicy is what such an app needs of a Content-Security-Policy: in silent mode, a
// frame for the auth domain and for the callback, and to look whether the auth domain
// is there.
func withPolicy(authDomain string, next http.Handler) http.Handler {
	policy := "default-src 'self'; frame-src 'self' " + authDomain + "; connect-src 'self' " + authDomain + "; frame-ancestors 'self'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		next.ServeHTTP(w, r)
	})
}
