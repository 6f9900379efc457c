package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/redis"
)

const (
	clientID = "passport-cluster"

	// What must be registered with the auth domain.
	redirectPath  = "/redirect"
	signedOutPath = "/signed-out"
)

// instance is the program. It has no memory of its users: what one instance
// knows of a session, the others read from the Redis.
type instance struct {
	shared
	name     string
	client   *goredis.Client
	passport *passport.Passport

	server   *http.Server
	listener net.Listener
}

// newInstance takes a free port of this machine, and does not serve it yet.
func newInstance(name string, s shared) (*instance, error) {
	i := &instance{shared: s, name: name}
	i.client = goredis.NewClient(&goredis.Options{Addr: s.redis, ContextTimeoutEnabled: true})
	if err := i.open(); err != nil {
		return nil, errors.Join(err, i.client.Close())
	}
	i.server = newServer(i.handler())
	return i, nil
}

// open makes the Passport and takes the port.
func (i *instance) open() error {
	store, err := redis.New(i.client, redis.Options{Prefix: i.prefix + ":"})
	if err != nil {
		return err
	}
	i.passport, err = passport.New(passport.Config{
		ClientID:          clientID,
		AuthDomain:        i.auth,
		RedirectURI:       i.base + redirectPath,
		LogoutRedirectURI: i.base + signedOutPath,
		Store:             store,
		EncryptionKeys:    [][]byte{i.key},
		CookieName:        "passport-cluster",
		Logger:            i.log.With("instance", i.name),
	})
	if err != nil {
		return err
	}
	i.listener, err = net.Listen("tcp", "127.0.0.1:0")
	return err
}

// close ends what the instance has under way. Its server has been shut down.
func (i *instance) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := i.passport.Close(ctx)
	return errors.Join(err, i.client.Close())
}

func (i *instance) handler() http.Handler {
	p, mux := i.passport, http.NewServeMux()
	mux.HandleFunc("GET /{$}", i.home)
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET "+redirectPath, p.LoginCallback)
	mux.HandleFunc("POST /logout", i.logout)
	mux.Handle("GET "+signedOutPath, http.RedirectHandler("/", http.StatusSeeOther))
	mux.Handle("POST /end", p.RequireLogin(http.HandlerFunc(i.end)))
	mux.Handle("POST /end-others", p.RequireLogin(http.HandlerFunc(i.endOthers)))
	mux.Handle("GET /live", p.RequireLogin(http.HandlerFunc(i.live)))
	mux.Handle("GET /static/", http.FileServerFS(static))
	return i.secure(http.NewCrossOriginProtection().Handler(p.Handler(mux)))
}

// secure sets the headers of all pages. form-action names the auth domain
// because the answer to the sign-out form leads there.
func (i *instance) secure(next http.Handler) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
		"form-action 'self' " + i.auth, "base-uri 'none'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
