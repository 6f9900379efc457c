package provider

import (
	"net/http"
	"runtime"
)

// sendWithoutPreflight makes a browser send the calls to the provider without a
// CORS preflight, which many a provider answers with a short list of headers: go-oidc
// fetches keys with Cache-Control, which is on none of them. Elsewhere than in a
// browser it returns base.
func sendWithoutPreflight(base http.RoundTripper) http.RoundTripper {
	if runtime.GOOS != "js" {
		return base
	}
	return plainHeaders{base}
}

// plainHeaders leaves out the request headers that have to be allowed first.
type plainHeaders struct{ base http.RoundTripper }

// plain are the headers that need no preflight (Fetch Standard, "CORS-safelisted
// request-header"), and Authorization, which every provider allows. The names that
// begin with js.fetch: are options of net/http for the browser, not headers.
var plain = map[string]bool{
	"Accept": true, "Accept-Language": true, "Content-Language": true, "Content-Type": true,
	"Authorization": true,
	"js.fetch:mode": true, "js.fetch:credentials": true, "js.fetch:redirect": true,
}

func (t plainHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := r.Clone(r.Context())
	for name := range sent.Header {
		if !plain[name] {
			delete(sent.Header, name)
		}
	}
	if t.base == nil {
		return http.DefaultTransport.RoundTrip(sent)
	}
	return t.base.RoundTrip(sent)
}
