package browser

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/dom"
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

	defer dom.Listen(window, "message", func(e dom.Value) {
		if outcome, ours := p.outcomeIn(e, frame); ours {
			offer(said, outcome)
		}
	})()
	defer dom.Listen(document, "securitypolicyviolation", func(e dom.Value) {
		if p.forbids(e, address) {
			offer(blocked, struct{}{})
		}
	})()
	defer dom.Listen(frame, "load", func(dom.Value) { offer(loaded, struct{}{}) })()

	// Beside the body, which some programs swap.
	_ = frame.Get("style").Set("cssText", "display:none!important")
	_ = frame.Set("src", address)
	defer frame.Call("remove")
	if err := document.Get("documentElement").Call("append", frame).Err(); err != nil {
		return "", fmt.Errorf("browser: there is no place for the iframe of a silent logout: %w", err)
	}

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
func (p *Passport) outcomeIn(e, frame dom.Value) (passport.Outcome, bool) {
	data := e.Get("data")
	if !e.Get("isTrusted").True() || e.Get("origin").Text() != p.callback ||
		!e.Get("source").Is(frame.Get("contentWindow")) ||
		data.Get("source").Text() != messageSource {
		return "", false
	}
	// In another one's frame, even the auth domain's own page is a third party.
	if atTop() && (p.sameHost || data.Get("passport").Text() == "done") {
		return passport.OutcomeDone, true
	}
	return passport.OutcomeUnconfirmed, true
}

// messageSource is the JavaScript SDK's.
const messageSource = "oidc-client"

// forbids reports whether a violation of a Content-Security-Policy is that of the
// iframe, which the browser then does not load.
func (p *Passport) forbids(e dom.Value, address string) bool {
	uri := e.Get("blockedURI").Text()
	return e.Get("isTrusted").True() && e.Get("disposition").Text() == "enforce" &&
		e.Get("effectiveDirective").Text() == "frame-src" && uri != "" &&
		(strings.HasPrefix(address, uri) || uri == p.callback)
}

// isOwnOrigin reports whether the callback is of this page's own origin. One of
// another looks like any other page, and may take its time to run a program.
func (p *Passport) isOwnOrigin() bool {
	return location("origin") == p.callback
}

// reached reports whether the iframe shows the callback, which may take its time
// then: the page is of this page's own origin.
func (p *Passport) reached(frame dom.Value) bool {
	return frame.Get("contentDocument", "location", "origin").Text() == p.callback // none for another origin's
}
