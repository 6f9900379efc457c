// Package use signs a user in and out, against a stand-in for the auth domain.
package use

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func Check(ctx context.Context) error {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	defer site.Close()
	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        auth.URL,
		RedirectURI:       site.URL + "/redirect",
		LogoutRedirectURI: site.URL + "/",
	})
	if err != nil {
		return err
	}
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.Handle("GET /{$}", p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})))

	browser := auth.Browser()
	if _, err := browser.Get(site.URL + "/login"); err != nil {
		return err
	}
	if n := len(auth.Sessions()); n != 1 {
		return fmt.Errorf("%d Passport sessions after a login", n)
	}
	if _, err := browser.PostForm(site.URL+"/logout", nil); err != nil {
		return err
	}
	if n := len(auth.Sessions()); n != 0 {
		return fmt.Errorf("%d Passport sessions after a logout", n)
	}
	return p.Close(ctx)
}
