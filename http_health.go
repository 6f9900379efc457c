package passport

import (
	"net/http"

	"github.com/passport-go/passport/internal/web"
)

// Readiness answers whether this instance can serve the requests of signed-in users, for
// load balancers and readiness probes: CheckHealth over HTTP, with 200 or, if the Store
// is down, 503, and the parts as JSON:
//
//	{"status":"degraded","store":{"status":"ok",...},"provider":{"status":"down",...}}
//
// The status stays 200 while only the provider is down, for its outage ends no session,
// and an instance without traffic would end them all. A program that wants another rule
// writes its own handler with CheckHealth.
//
// It is no liveness probe: a restart mends neither the Store nor the provider. Any
// handler of the program that answers 200 is one.
func (p *Passport) Readiness(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "GET alone", http.StatusMethodNotAllowed)
		return
	}
	h := p.CheckHealth(r.Context())
	status := http.StatusOK
	if !h.Ready() {
		status = http.StatusServiceUnavailable
	}
	web.WriteJSON(w, status, h)
}
