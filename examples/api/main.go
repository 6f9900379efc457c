// Api is a page that signs in with Immutable's JavaScript SDK, and an API on another
// origin that takes its tokens. After a logout the API refuses them, also a copy that
// somebody has made.
//
//	go run ./examples/api
//
// npm installs the SDK, the first time from its registry. The SDK wants the auth domain
// to have https, so the browser warns of the stand-in's certificate once.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
	"github.com/passport-go/passport/passporttest"
)

func main() {
	o := passporttest.Options{TLS: true}
	run.MainAt("", o, func(ctx context.Context, listener net.Listener, c passport.Config) error {
		sdk, err := bundle(ctx)
		if err != nil {
			return err
		}
		backend, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			return err
		}
		return serve(ctx, listener, backend, c, sdk)
	})
}

// serve serves the page on one listener, and the API on the other.
func serve(ctx context.Context, listener, backend net.Listener, c passport.Config, sdk []byte) error {
	app := origin(listener)
	p, err := passport.New(passport.Config{ // all that an API needs: it signs nobody in
		ClientID:     c.ClientID,
		AuthDomain:   c.AuthDomain,
		HTTPClient:   c.HTTPClient,
		BearerTokens: true,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- run.HTTP(ctx, backend, withCORS(app, newAPI(p)), p)
		stop()
	}()
	err = run.HTTP(ctx, listener, newSite(c, app, origin(backend), sdk))
	stop()
	return errors.Join(err, <-ended)
}

func origin(l net.Listener) string {
	return fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
}

func newAPI(p *passport.Passport) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /inventory", p.RequireBearer(http.HandlerFunc(inventory)))
	mux.HandleFunc("POST /signed-out", p.BearerLogout)
	return mux
}

func inventory(w http.ResponseWriter, r *http.Request) {
	bearer, _ := passport.BearerFrom(r.Context()) // always there in here
	fmt.Fprint(w, "The inventory of ", bearer.Subject)
}

// withCORS lets the page in. It stands around RequireBearer, for a preflight has no
// token. There are no cookies, and so no Access-Control-Allow-Credentials.
func withCORS(app string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		if r.Header.Get("Origin") == app {
			w.Header().Set("Access-Control-Allow-Origin", app)
			w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// newSite has a page that is the same for everybody, and the SDK.
func newSite(c passport.Config, app, api string, sdk []byte) http.Handler {
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter, _ *http.Request) {
		_ = page.Execute(w, map[string]any{"API": api, "SDK": sdkConfig(c, app)}) // fails only if the browser is gone
	}
	mux.HandleFunc("GET /{$}", show)
	mux.HandleFunc("GET /redirect", show)
	mux.HandleFunc("GET /sdk.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(sdk)
	})
	return mux
}
