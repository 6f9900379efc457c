package passporttest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// newProgram is what is under test: a program that signs users in and out.
func newProgram(auth, url string) (http.Handler, error) {
	p, err := passport.New(passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        auth,
		RedirectURI:       url + "/redirect",
		LogoutRedirectURI: url + "/",
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if s := passport.SessionFrom(r.Context()); s != nil {
			fmt.Fprintln(w, s.Subject())
		}
	})
	return p.Handler(mux), nil
}

// A program's logout, seen from the auth domain.
func Example() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()

	app := httptest.NewUnstartedServer(nil)
	program, err := newProgram(auth.URL, "http://"+app.Listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	app.Config.Handler = program
	app.Start()
	defer app.Close()

	visit := func(resp *http.Response, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
	}
	browser := auth.Browser()
	visit(browser.Get(app.URL + "/login"))
	fmt.Println("signed in:", len(auth.Sessions()), "Passport session,",
		len(auth.RefreshTokens(passporttest.Live)), "live refresh token")

	visit(browser.PostForm(app.URL+"/logout", nil))
	if _, err := auth.Await(context.Background(), "/oauth/revoke", 1); err != nil {
		fmt.Println(err)
	}
	fmt.Println("signed out:", len(auth.Sessions()), "Passport sessions,",
		len(auth.RefreshTokens(passporttest.Live)), "live refresh tokens")

	// Output:
	// signed in: 1 Passport session, 1 live refresh token
	// signed out: 0 Passport sessions, 0 live refresh tokens
}
