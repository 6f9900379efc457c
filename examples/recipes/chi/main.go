// Chi is a site on github.com/go-chi/chi: middleware for all requests, and a group of
// pages for users alone. Passport's handlers and middleware fit as they are.
//
//	go run ./examples/recipes/chi
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

func main() { run.Main(serve) }

func serve(ctx context.Context, listener net.Listener, c passport.Config) error {
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, p.Handler)
	r.Get("/login", p.Login)
	r.Get("/redirect", p.LoginCallback)
	r.Post("/logout", p.Logout)
	r.Get("/", home)
	r.Group(func(r chi.Router) {
		r.Use(p.RequireLogin)
		r.Get("/inventory", inventory)
	})
	return run.HTTP(ctx, listener, r, p)
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
	_ = run.Home(w, profile.Email) // fails only if the browser is gone
}

func inventory(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context()) // never nil in here
	fmt.Fprintln(w, "The inventory of", session.Subject())
}
