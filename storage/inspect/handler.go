package inspect

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"

	"github.com/passport-go/passport/storage"
)

// Handler answers GET with the findings of [Store], as JSON:
//
//	{"findings":[{"id":"redis.eviction","severity":"problem","seen":"...","why":"...","remedy":"..."}]}
//
// They contain no secret, but are not for everybody, and each request writes to the
// store. So it refuses (403) all requests but those of this machine, directly: from a
// loopback address, with a loopback Host, and with no header that a proxy adds. kubectl
// port-forward and an SSH tunnel arrive like that; a request through a reverse proxy on
// the same machine does not. One inspection runs at a time (503).
func Handler(store storage.TokenStore) http.Handler {
	running := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "GET alone", http.StatusMethodNotAllowed)
			return
		case !isLocal(r):
			http.Error(w, "for requests of this machine alone", http.StatusForbidden)
			return
		}
		select {
		case running <- struct{}{}:
			defer func() { <-running }()
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "an inspection is running", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_ = json.NewEncoder(w).Encode(map[string]any{"findings": Store(r.Context(), store)}) // the connection is gone if this fails
	})
}

// isLocal reports whether a program on this machine makes the request, and no page in a
// browser does.
func isLocal(r *http.Request) bool {
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" {
		return false
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return isLoopback(strings.Trim(host, "[]")) && isLocalPeer(r.RemoteAddr)
}

// isLocalPeer is also for Unix sockets, whose peers have no address.
func isLocalPeer(remote string) bool {
	if remote == "" || remote == "@" {
		return true
	}
	host, _, err := net.SplitHostPort(remote)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
