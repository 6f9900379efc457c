package provider

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"
)

// endSessionTimeout bounds the wait for the metadata on behalf of a logout.
const endSessionTimeout = 3 * time.Second

// EndSessionEndpoint is where a browser ends its session at the provider (OpenID
// Connect RP-Initiated Logout 1.0 §2). An error means that the provider has none, or
// that its metadata cannot be fetched. The end of the request does not end the wait.
func (c *Client) EndSessionEndpoint(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endSessionTimeout)
	defer cancel()
	m, err := c.Metadata(ctx)
	if err == nil && m.Endpoints.Logout == "" {
		err = ErrNoEndSession
	}
	if err != nil {
		return "", err
	}
	return m.Endpoints.Logout, nil
}

// ErrNoEndSession reports that the provider ends no session on request.
var ErrNoEndSession = errors.New("passport: the provider has no end-session endpoint")

// EndSession is a request to the end-session endpoint. Empty fields are left out, but
// for the state: some providers do not redirect without one.
type EndSession struct {
	IDTokenHint string
	LogoutHint  string
	RedirectURI string
	UILocales   string
	State       string
}

// EndSessionRequest is how a browser ends its session at the provider.
type EndSessionRequest struct {
	// URL is the address to visit.
	URL string

	// Form, if it is not nil, is what the browser had better post to Endpoint: with
	// the ID token, URL would be too long, so it lacks that, and the provider may have
	// to ask the user.
	Form     url.Values
	Endpoint string
}

// longestURL is the length that browsers, proxies and servers accept.
const longestURL = 4000

// LogoutRequest returns the request that ends a session. Errors are those of
// EndSessionEndpoint.
func (c *Client) LogoutRequest(ctx context.Context, r EndSession) (EndSessionRequest, error) {
	endpoint, err := c.EndSessionEndpoint(ctx)
	if err != nil {
		return EndSessionRequest{}, err
	}
	params := c.endSessionParams(r)
	request := EndSessionRequest{URL: WithQuery(endpoint, params), Endpoint: endpoint}
	if len(request.URL) <= longestURL {
		return request, nil
	}
	if c.AcceptsPostedLogout(ctx) {
		request.Form = maps.Clone(params)
	}
	params.Del("id_token_hint")
	request.URL = WithQuery(endpoint, params)
	return request, nil
}

func (c *Client) endSessionParams(r EndSession) url.Values {
	params := url.Values{"client_id": {c.c.ClientID}, "state": {r.State}}
	for name, value := range map[string]string{
		"id_token_hint":            r.IDTokenHint,
		"logout_hint":              r.LogoutHint,
		"post_logout_redirect_uri": r.RedirectURI,
		"ui_locales":               r.UILocales,
	} {
		if value != "" {
			params.Set(name, value)
		}
	}
	return params
}

// postProbeTimeout bounds the try whether the end-session endpoint accepts POST: a
// logout waits for it.
const postProbeTimeout = 2 * time.Second

// AcceptsPostedLogout reports whether the end-session endpoint is known to accept
// POST. Providers have to (RP-Initiated Logout 1.0 §2), and some do not: they
// answer 404 or 405. So it is tried once, with an empty form, which ends nothing.
// It is for a request that is too long for a URL. In a page it is false: nothing there
// makes the POST.
func (c *Client) AcceptsPostedLogout(ctx context.Context) bool {
	if runtime.GOOS == "js" {
		return false
	}
	m, err := c.Metadata(ctx)
	if err != nil || m.Endpoints.Logout == "" {
		return false
	}
	if known := m.acceptsPost.Load(); known != nil {
		return *known
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postProbeTimeout)
	defer cancel()
	r, err := http.NewRequest(http.MethodPost, m.Endpoints.Logout, strings.NewReader(""))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.call(ctx, r)
	if err != nil || res.status >= 500 && res.status != http.StatusNotImplemented {
		return false // it may be another time
	}
	accepted := res.status != http.StatusNotFound && res.status != http.StatusMethodNotAllowed && res.status != http.StatusNotImplemented
	m.acceptsPost.Store(&accepted)
	return accepted
}
