package browser

import (
	"context"
	"strings"
	"syscall/js"
	"time"

	"github.com/passport-go/passport"
)

// leastGrace is how long a page in the iframe that is not the callback has to be
// followed by the next page on the way there.
const leastGrace = 2 * time.Second

// visit shows an address in a hidden iframe until the callback's message comes,
// and returns what is known of the Passport session then: Done or Unconfirmed.
func (p *Passport) visit(ctx context.Context, address string) (passport.Outcome, error) {
	document := window.Get("document")
	frame := document.Call("createElement", "iframe")
	said := make(chan passport.Outcome, 1) // the first counts
	blocked := make(chan struct{}, 1)
	loaded := make(chan struct{}, 1)

	defer listen(window, "message", func(e js.Value) {
		if outcome, ours := p.outcomeIn(e, frame); ours {
			offer(said, outcome)
		}
	})()
	defer listen(document, "securitypolicyviolation", func(e js.Value) {
		if p.forbids(e, address) {
			offer(blocked, struct{}{})
		}
	})()
	defer listen(frame, "load", func(js.Value) { offer(loaded, struct{}{}) })()

	// Beside the body, which some programs swap.
	frame.Get("style").Set("cssText", "display:none!important")
	frame.Set("src", address)
	document.Get("documentElement").Call("append", frame)
	defer frame.Call("remove")

	begun := time.Now()
	timeout := time.After(p.c.SilentTimeout)
	var grace <-chan time.Time
	for {
		select {
		case outcome := <-said:
			return outcome, nil
		case <-blocked:
			return "", ErrBlocked
		case <-loaded:
			grace = nil
			if p.isOwnOrigin() && !p.reached(frame) {
				grace = time.After(max(leastGrace, time.Since(begun)))
			}
		case <-grace:
			return "", ErrRefused
		case <-timeout:
			return "", ErrTimeout
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// offer sends v if there is room. It takes no time, as befits a handler of events.
func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

// outcomeIn reads the callback's message, in the JavaScript SDK's form: from the
// exact origin, and from the iframe's window.
func (p *Passport) outcomeIn(e, frame js.Value) (passport.Outcome, bool) {
	data := e.Get("data")
	if !e.Get("isTrusted").Bool() || text(e.Get("origin")) != p.callback ||
		!e.Get("source").Equal(frame.Get("contentWindow")) ||
		data.Type() != js.TypeObject || text(data.Get("source")) != messageSource {
		return "", false
	}
	// In another one's frame, even the auth domain's own page is a third party.
	if atTop() && (p.sameHost || text(data.Get("passport")) == "done") {
		return passport.Done, true
	}
	return passport.Unconfirmed, true
}

// messageSource is the JavaScript SDK's.
const messageSource = "oidc-client"

// forbids reports whether a violation of a Content-Security-Policy is that of the
// iframe, which the browser then does not load.
func (p *Passport) forbids(e js.Value, address string) bool {
	uri := text(e.Get("blockedURI"))
	return e.Get("isTrusted").Bool() && text(e.Get("disposition")) == "enforce" &&
		text(e.Get("effectiveDirective")) == "frame-src" && uri != "" &&
		(strings.HasPrefix(address, uri) || uri == p.callback)
}

// isOwnOrigin reports whether the callback is of this page's own origin. One of
// another looks like any other page, and may take its time to run a program.
func (p *Passport) isOwnOrigin() bool {
	return text(window.Get("location").Get("origin")) == p.callback
}

// reached reports whether the iframe shows the callback, which may take its time
// then: the page is of this page's own origin.
func (p *Passport) reached(frame js.Value) bool {
	document := frame.Get("contentDocument") // null for another origin's
	return document.Truthy() && text(document.Get("location").Get("origin")) == p.callback
}
