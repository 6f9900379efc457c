// Package apiclient carries a user's access token to one API, and nowhere else.
package apiclient

import (
	"context"
	"fmt"
	"net/http"
	"runtime"

	"github.com/passport-go/passport/internal/authdomain"
)

// Transport adds the token to requests to its origin, and refuses all others before
// anything is sent, redirects among them.
type Transport struct {
	Origin string // of the API
	Key    string // the publishable key, or empty

	// Token returns an access token of the user, or why there is none.
	Token func(context.Context) (string, error)

	Base http.RoundTripper
}

// RoundTrip sends a request with the token.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.roundTrip(r)
	if res == nil && r.Body != nil {
		_ = r.Body.Close() // a RoundTripper closes it in every case
	}
	return res, err
}

func (t *Transport) roundTrip(r *http.Request) (*http.Response, error) {
	if origin := authdomain.OriginOf(r.URL); t.Origin != "" && origin != t.Origin {
		return nil, fmt.Errorf("passport: this client sends a user's tokens to %s and nowhere else: use another http.Client for %q", t.Origin, r.URL.Host)
	}
	token, err := t.Token(r.Context())
	if err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Header.Set("Authorization", "Bearer "+token)
	if t.Key != "" {
		own.Header.Set("x-immutable-publishable-key", t.Key)
	}
	if runtime.GOOS != "js" {
		return t.Base.RoundTrip(own)
	}
	own.Header.Set("js.fetch:redirect", "manual") // else the browser would follow, and nobody would look where to
	res, err := t.Base.RoundTrip(own)
	if err == nil && res.StatusCode == 0 { // an opaque-redirect filtered response (Fetch Standard)
		_ = res.Body.Close()
		return nil, fmt.Errorf("passport: %s redirects, and a page does not learn where to: call the address that it leads to", r.URL.Host)
	}
	return res, err
}
