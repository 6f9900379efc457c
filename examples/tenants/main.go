// Tenants is one program with several tenants, each at a host and with a provider of
// its own. They share a Store and its keys, and are apart all the same: the session of
// one is unknown to the other.
//
//	go run ./examples/tenants
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

func main() {
	run.Main(func(ctx context.Context, listener net.Listener, c passport.Config) error {
		// At another host than the first: cookies do not tell ports apart.
		second := passporttest.NewServer(passporttest.Options{Host: "localhost"})
		defer second.Close()
		return serve(ctx, listener, map[string]string{"red.localhost": c.AuthDomain, "blue.localhost": second.URL})
	})
}

// serve has a site for each host, which signs in at the host's auth domain.
func serve(ctx context.Context, listener net.Listener, authDomains map[string]string) error {
	shared := passport.Config{
		Store:          memory.New(memory.Options{}),
		EncryptionKeys: [][]byte{make([]byte, 32)},
	}
	_, _ = rand.Read(shared.EncryptionKeys[0]) // never fails

	sites := tenants{}
	var all []*passport.Passport
	port := listener.Addr().(*net.TCPAddr).Port
	for host, authDomain := range authDomains {
		c := run.Config(fmt.Sprintf("http://%s:%d", host, port), authDomain)
		c.Store, c.EncryptionKeys = shared.Store, shared.EncryptionKeys
		p, err := passport.New(c)
		if err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
		sites[host], all = newSite(p), append(all, p)
	}
	return run.HTTP(ctx, listener, sites, all...)
}

func newSite(p *passport.Passport) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /{$}", home)
	mux.Handle("GET /inventory", p.RequireLogin(http.HandlerFunc(inventory)))
	return p.Handler(mux)
}

// tenants are the sites by host.
type tenants map[string]http.Handler

func (t tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host // on the default port
	}
	switch site := t[host]; {
	case site != nil:
		site.ServeHTTP(w, r)
	case host == "localhost":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for host := range t {
			fmt.Fprintf(w, "<p><a href=\"http://%[1]s:%[2]s/\">%[1]s</a>\n", host, port)
		}
	default:
		http.Error(w, "There is no such site here.", http.StatusMisdirectedRequest)
	}
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
