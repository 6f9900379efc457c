package provider

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// postProbeTimeout bounds the try whether the end-session endpoint accepts POST: a
// logout waits for it.
const postProbeTimeout = 2 * time.Second

// AcceptsPostedLogout reports whether the end-session endpoint is known to accept
// POST. Providers have to (RP-Initiated Logout 1.0 §2), and some do not: they
// answer 404 or 405. So it is tried once, with an empty form, which ends nothing.
// It is for a request that is too long for a URL.
func (c *Client) AcceptsPostedLogout(ctx context.Context) bool {
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
