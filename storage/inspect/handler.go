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
// store. So it refuses (403) all requests but those that a program on this machine seems
// to make: from a loopback address, with a loopback Host, over HTTP/1.1 or later, with
// no header that a proxy adds, and with a header that no page, crawler or address bar
// sends:
//
//	curl -H "Passport-Inspect: 1" http://127.0.0.1:6060/debug/passport/store
//
// kubectl port-forward and an SSH tunnel arrive like that. So does a stranger who knows
// the header, through a reverse proxy on the same machine that replaces Host and adds
// nothing: serve Handler on a port of its own, to which no proxy leads. One inspection
// runs at a time (503).
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
			http.Error(w, "for programs on this machine alone, with the header "+header+": 1", http.StatusForbidden)
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

// header is one that a page of another origin cannot send, because Handler answers no
// preflight (Fetch Standard, CORS-preflight request).
const header = "Passport-Inspect"

// isLocal reports whether a program on this machine seems to make the request, and
// neither a page in a browser nor a proxy. A bare proxy_pass of nginx is known by
// HTTP/1.0, the default of most of its versions.
func isLocal(r *http.Request) bool {
	if r.Header.Get(header) == "" || !r.ProtoAtLeast(1, 1) {
		return false
	}
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
