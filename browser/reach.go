package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/dom"
)

// reachTimeout is how long the auth domain may take to respond.
const reachTimeout = 5 * time.Second

// reach returns ErrOffline if the auth domain does not respond, so that no method leaves
// the page for the browser's error page.
func (p *Passport) reach(ctx context.Context) error {
	if noNetwork() {
		return ErrOffline
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	answer := p.probe(ctx, "cors")
	if status := answer.Get("status").Number(); status >= 500 {
		return fmt.Errorf("%w: it answers %.0f", ErrOffline, status)
	}
	if answer.Err() == nil || window.Get("crossOriginIsolated").True() {
		return nil // an isolated page may only request what allows it
	}
	// It may be reachable without letting scripts read the response.
	if err := p.probe(ctx, "no-cors").Err(); err != nil {
		if errors.Is(err, context.Canceled) {
			return context.Cause(ctx)
		}
		return ErrOffline
	}
	return nil
}

// noNetwork reports whether the browser knows that it is offline.
func noNetwork() bool { return window.Get("navigator", "onLine").IsFalse() }

// probe requests the auth domain's keys or a discovered provider's metadata, which are
// public.
func (p *Passport) probe(ctx context.Context, mode string) dom.Value {
	address := p.c.authenticationDomain()
	if p.c.Discover {
		address = cmp.Or(p.c.DiscoveryURL, strings.TrimSuffix(address, "/")+"/.well-known/openid-configuration")
	} else if origin, err := authdomain.Origin(address); err == nil {
		address = authdomain.At(origin).Keys
	}
	aborted := window.Get("AbortController").New()
	defer aborted.Call("abort")
	return dom.Await(ctx, window.Call("fetch", address, map[string]any{
		"mode": mode, "cache": "no-store", "credentials": "omit", "signal": aborted.Get("signal"),
	}))
}
