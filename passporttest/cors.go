package passporttest

import (
	"net/http"
	"slices"
	"strings"
)

// corsPaths are the endpoints that scripts on other origins may call.
var corsPaths = []string{
	"/.well-known/openid-configuration", "/.well-known/jwks.json", "/oauth/token", "/oauth/revoke", "/userinfo",
}

func allowCORS(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(corsPaths, r.URL.Path) {
		return
	}
	w.Header().Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	}
}

func dropCORS(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

func (d *AuthDomain) preflight(w http.ResponseWriter, r *http.Request) {
	if slices.Contains(corsPaths, r.URL.Path) && !d.faults.corsOff(r.URL.Path) {
		allowCORS(w, r)
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	}
	w.WriteHeader(http.StatusNoContent)
}
