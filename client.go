package passport

import (
	"fmt"
	"net/http"

	"github.com/passport-go/passport/internal/authdomain"
)

// Client returns an HTTP client for calls to Immutable's API on behalf of the
// user: each request carries the session's access token, refreshed when needed,
// and Config.PublishableKey. A request to any origin but Config.APIDomain fails
// before anything is sent, and so does a redirect to one.
//
// The client is based on Config.HTTPClient, without its cookies. It looks the
// session up for each request, so it works for as long as the session lives and
// returns ErrNoSession afterwards. The client of a nil Session always returns
// ErrNoSession.
func (s *Session) Client() *http.Client {
	if s == nil {
		return &http.Client{Transport: &apiTransport{}}
	}
	client := *s.p.c.HTTPClient
	client.Jar = nil // one user's cookies are not another's
	client.Transport = &apiTransport{p: s.p, id: s.ID(), base: either(client.Transport, http.DefaultTransport)}
	return &client
}

type apiTransport struct {
	p    *Passport // nil if nobody is signed in
	id   string    // of the session
	base http.RoundTripper
}

func (t *apiTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.roundTrip(r)
	if res == nil && r.Body != nil {
		_ = r.Body.Close() // a RoundTripper closes it in every case
	}
	return res, err
}

func (t *apiTransport) roundTrip(r *http.Request) (*http.Response, error) {
	if t.p == nil {
		return nil, ErrNoSession
	}
	if authdomain.OriginOf(r.URL) != t.p.c.apiDomain {
		return nil, fmt.Errorf("passport: this client sends a user's tokens to %s and nowhere else: use another http.Client for %q", t.p.c.apiDomain, r.URL.Host)
	}
	rec, err := t.p.records.Look(r.Context(), t.id)
	if err != nil {
		return nil, storeError(err)
	}
	if !rec.Expiry.After(t.p.c.Now()) { // the store may go by another clock
		return nil, ErrNoSession
	}
	now := &Session{p: t.p, rec: rec}
	token, err := now.AccessToken(r.Context())
	if err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Header.Set("Authorization", "Bearer "+token.Reveal())
	if t.p.c.PublishableKey != "" {
		own.Header.Set("x-immutable-publishable-key", t.p.c.PublishableKey)
	}
	return t.base.RoundTrip(own)
}
