// Proxy is a site behind nginx, which ends TLS, takes a prefix off the paths and
// rewrites Host. nginx.conf is what to copy; Debian's package is nginx.
//
//	go run ./examples/proxy
//	go run ./examples/proxy -silent
//
// Open https://localhost:8443/shop/. The certificate is made on the spot, so the browser
// warns of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
	"github.com/passport-go/passport/passporttest"
)

const (
	address = "localhost:8443"
	prefix  = "/shop"
)

func main() {
	silent := flag.Bool("silent", false, "end the Passport session in a hidden iframe")
	flag.Parse()
	base := "https://" + address + prefix
	run.MainAt(base, passporttest.Options{}, func(ctx context.Context, listener net.Listener, c passport.Config) error {
		proxy, err := startNginx(ctx, address, listener.Addr().String())
		if err != nil {
			return err
		}
		if *silent {
			c.LogoutMode, c.LogoutRedirectURI = passport.LogoutSilent, base+"/silent-logout"
		}
		return errors.Join(serve(ctx, listener, base, c), proxy.stop())
	})
}

// serve serves the site on a port that only the proxy reaches. Users reach it at base.
func serve(ctx context.Context, listener net.Listener, base string, c passport.Config) error {
	c.BaseURL = base
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	mux := http.NewServeMux() // of paths without the prefix
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.Handle("GET /silent-logout", p.LogoutSilentCallback(base+"/"))
	mux.Handle("GET /passport.js", p.Script())
	mux.HandleFunc("GET /{$}", home)
	mux.Handle("GET /inventory", p.RequireLogin(http.HandlerFunc(inventory)))
	mux.HandleFunc("GET /allow", allow)
	mux.Handle(prefix+"/reports/", p.RequireLogin(http.NotFoundHandler())) // @login of nginx.conf

	outer := http.NewServeMux()
	outer.Handle("/", p.Handler(mux))
	outer.HandleFunc("/reports/", reports)
	return run.HTTP(ctx, listener, outer, p)
}

// allow tells nginx whether a request may pass, and who makes it.
func allow(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		w.WriteHeader(http.StatusUnauthorized) // a redirect would be an error for auth_request
		return
	}
	w.Header().Set("X-User", session.Subject())
	w.WriteHeader(http.StatusNoContent)
}

// reports stands for another program. Only nginx reaches it.
func reports(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s of %s, cookies: %q\n", r.URL, r.Header.Get("X-User"), r.Header.Get("Cookie"))
}

func home(w http.ResponseWriter, r *http.Request) {
	var profile passport.Profile
	if session := passport.SessionFrom(r.Context()); session != nil {
		var err error
		if profile, err = session.Profile(r.Context()); err != nil {
			http.Error(w, "Your profile cannot be read.", http.StatusInternalServerError)
			return
		}
	}
	_ = run.Home(w, profile.Email) // its links are relative; fails only if the browser is gone
}

func inventory(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context()) // never nil in here
	fmt.Fprintln(w, "The inventory of", session.Subject())
}
