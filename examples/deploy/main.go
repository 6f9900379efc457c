// Deploy is a program as it runs in production: its settings come from the
// environment, its sessions are in Redis, several instances run behind a proxy, and
// nobody notices a restart. docs/deploying.md explains it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/redis"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", ":8080")
	if err == nil {
		err = run(ctx, listener, 5*time.Second)
	}
	if err != nil {
		slog.Error("the program ended", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx is done. drain is how long the proxy takes to see that an
// instance is not ready.
func run(ctx context.Context, listener net.Listener, drain time.Duration) error {
	options, err := goredis.ParseURL(strings.TrimSpace(os.Getenv("REDIS_URL"))) // a file ends in a newline
	if err != nil {
		// err quotes the password.
		return errors.New("REDIS_URL is not like redis://user:password@host:6379; a password needs %23 for #, %25 for %, %2F for /, %3F for ?")
	}
	options.ContextTimeoutEnabled = true
	client := goredis.NewClient(options)
	defer client.Close()
	store, err := redis.New(client, redis.Options{})
	if err != nil {
		return err
	}

	config, err := passport.ConfigFromEnv() // PASSPORT_CLIENT_ID, PASSPORT_REDIRECT_URI, ...
	if err != nil {
		return err
	}
	config.Store = store
	config.Logger = slog.Default() // logs each event, too
	p, err := passport.New(config)
	if err != nil {
		return err
	}
	return serve(ctx, listener, p, drain)
}

// serve answers until ctx is done. Then it stops in an order that loses nothing.
func serve(ctx context.Context, listener net.Listener, p *passport.Passport, drain time.Duration) error {
	var stopping atomic.Bool
	streams, endStreams := context.WithCancel(context.Background())
	defer endStreams()
	server := &http.Server{Handler: program(p, &stopping, streams.Done()), ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(endStreams) // Shutdown waits for them, and they would never end

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	stopping.Store(true) // no longer ready: the proxy sends new requests elsewhere,
	time.Sleep(drain)    // as soon as it has noticed
	grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := server.Shutdown(grace)           // answers what has been asked
	return errors.Join(err, p.Close(grace)) // revokes what is to be revoked; the store is closed after it
}

// program is what an instance serves.
func program(p *passport.Passport, stopping *atomic.Bool, endStreams <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("POST /backchannel-logout", p.BackChannelLogout)
	mux.Handle("GET /passport.js", p.Script())
	mux.HandleFunc("GET /{$}", home)
	mux.Handle("GET /events", p.RequireLogin(events(endStreams)))

	// The probes look up no session.
	outer := http.NewServeMux()
	outer.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {})
	outer.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if stopping.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	outer.Handle("/", p.Handler(mux))
	return outer
}

func home(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		fmt.Fprint(w, `<a href="/login">Sign in</a>`)
		return
	}
	fmt.Fprint(w, `<script src="/passport.js" defer></script><p>You are signed in.</p>
		<form method="post" action="/logout" data-passport-logout><button>Sign out</button></form>`)
}

// events is a stream that ends with the session, the connection or the instance.
func events(endStreams <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signedOut := passport.SessionFrom(r.Context()).Done(r.Context())
		w.Header().Set("Content-Type", "text/event-stream")
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for {
			fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.TimeOnly))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-signedOut:
				return
			case <-endStreams: // the browser's EventSource connects to another instance
				return
			case <-r.Context().Done():
				return
			case <-ticks.C:
			}
		}
	})
}
