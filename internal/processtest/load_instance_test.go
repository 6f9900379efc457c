package processtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/passport-go/passport"
)

// serveInstance is one of the servers that share a store: a program such as any
// app is, and beside it, below /bare, the same without the SDK.
func serveInstance(do task) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	p, closeStore, err := program(do, nil, transport)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("POST /backchannel", p.BackChannelLogout)
	mux.HandleFunc("GET /token", useToken)
	mux.HandleFunc("GET /sid", tellSID)
	mux.HandleFunc("GET /{$}", check)
	all := http.NewServeMux()
	all.Handle("/", p.Handler(mux))
	all.HandleFunc("GET /bare", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	all.HandleFunc("GET /usage", reportUsage)

	listener, err := net.Listen("tcp", cmp.Or(do.Listen, "127.0.0.1:0"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: all}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Println("http://" + listener.Addr().String())
	_, _ = io.Copy(io.Discard, os.Stdin)

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err = errors.Join(server.Shutdown(ctx), p.Close(ctx), closeStore())
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// check is what a page does that is for users who are signed in.
func check(w http.ResponseWriter, r *http.Request) {
	if passport.SessionFrom(r.Context()) == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// useToken is what a page does that calls Immutable's API.
func useToken(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if _, err := session.AccessToken(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// tellSID tells a user of the soak test by what name the auth domain knows the session.
func tellSID(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, session.Info().SID)
}

// usage is what an instance has taken of the machine, or all of them together.
type usage struct {
	CPU    time.Duration // since it began
	Memory int64         // resident at the moment, in bytes
	Redis  time.Duration // the CPU of the server that they share

	Goroutines int // at the moment
}

func reportUsage(w http.ResponseWriter, _ *http.Request) {
	var taken syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &taken); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	u := usage{CPU: time.Duration(taken.Utime.Nano() + taken.Stime.Nano()), Memory: resident(taken), Goroutines: runtime.NumGoroutine()}
	_ = json.NewEncoder(w).Encode(u)
}

// resident is, where the kernel does not tell, the most that it ever was.
func resident(taken syscall.Rusage) int64 {
	var size, pages int64
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		return taken.Maxrss << 10
	}
	return pages * int64(os.Getpagesize())
}
