package passporttest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// crossOrigin are the endpoints that scripts on other origins may call, with the
// methods of each.
var crossOrigin = map[string][]string{
	discoveryPath:   {http.MethodGet},
	keysPath:        {http.MethodGet},
	"/oauth/token":  {http.MethodPost},
	"/oauth/revoke": {http.MethodPost},
	pushedPath:      {http.MethodPost},
	"/userinfo":     {http.MethodGet, http.MethodPost},
}

// crossOriginHeaders are the request headers that a preflight may ask for, in
// lower case. Auth0 allows no others.
var crossOriginHeaders = []string{"authorization", "content-type", "auth0-client"}

// Preflight is a CORS preflight request, by which a browser asks whether a script may
// send a request that is not simple (Fetch Standard, "CORS-preflight request").
type Preflight struct {
	Request

	// Refused says why the browser will not send the request: "origin",
	// "method", "endpoint", or the name of the header that is not allowed, in
	// lower case. It is empty if the request is allowed.
	Refused string
}

// Preflights returns the preflight requests that have arrived, in order: those for one
// of the paths, or all if none is given. Do not modify the result.
func (d *AuthDomain) Preflights(paths ...string) []Preflight {
	return d.record.preflightsFor(paths)
}

// allowCORS lets the script that sent r read the response. The origin must be one of
// the client's or, if the request names no client, of any client's. Only the simple
// response headers are exposed: not Retry-After, not Date.
func (d *AuthDomain) allowCORS(h http.Header, r *http.Request) {
	if _, callable := crossOrigin[r.URL.Path]; !callable {
		return
	}
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); d.options.allowsOrigin(clientNamed(r), origin) {
		h.Set("Access-Control-Allow-Origin", origin)
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
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight responds as Auth0 does: always 204, with the same lists of methods and
// headers whatever was requested. The browser compares them.
func (d *AuthDomain) preflight(w http.ResponseWriter, r *http.Request) {
	if d.faults.corsOff(r.URL.Path) {
		d.record.addPreflight(r, d.now(), "origin")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.record.addPreflight(r, d.now(), d.refusal(r))
	d.allowCORS(w.Header(), r)
	if methods := crossOrigin[r.URL.Path]; methods != nil {
		w.Header().Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		w.Header().Set("Access-Control-Allow-Headers", strings.Join(crossOriginHeaders, ", "))
	}
	w.WriteHeader(http.StatusNoContent)
}

// refusal says why the browser will refuse the request after a preflight, if it will.
func (d *AuthDomain) refusal(r *http.Request) string {
	methods, callable := crossOrigin[r.URL.Path]
	switch method := r.Header.Get("Access-Control-Request-Method"); {
	case !callable:
		return "endpoint"
	case !d.options.allowsOrigin("", r.Header.Get("Origin")):
		return "origin"
	case !slices.Contains(methods, method) && !slices.Contains(simpleMethods, method):
		return "method"
	}
	for name := range strings.SplitSeq(r.Header.Get("Access-Control-Request-Headers"), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "" && !slices.Contains(crossOriginHeaders, name) {
			return name
		}
	}
	return ""
}

// simpleMethods are allowed by every preflight, listed or not.
var simpleMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost}

// clientNamed returns the client_id that a request names, or "". It does not look into
// an access token.
func clientNamed(r *http.Request) string {
	if id, _, ok := basicAuth(r); ok {
		return id
	}
	return r.PostForm.Get("client_id")
}

// allowsOrigin reports whether scripts of an origin may call on behalf of the client
// with this ID or, if that is empty, of any client.
func (o *Options) allowsOrigin(clientID, origin string) bool {
	return slices.ContainsFunc(o.Clients, func(c Client) bool {
		return (clientID == "" || c.ID == clientID) && c.allowsOrigin(origin)
	})
}

// allowsOrigin also allows the origins of the redirect URIs, as Auth0 does.
func (c Client) allowsOrigin(origin string) bool {
	if slices.Contains(c.WebOrigins, origin) || c.AnyLoopback && isLoopbackURL(origin) {
		return true
	}
	return slices.ContainsFunc(c.RedirectURIs, func(uri string) bool {
		u, err := url.Parse(uri)
		return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == origin
	})
}
