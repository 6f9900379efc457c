package browser

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/dom"
)

// leastGrace is how long a page in the iframe that is not the callback may stay before
// the next page on the way there replaces it.
const leastGrace = 2 * time.Second

// visit is a visit to an address in a hidden iframe, which should end at the callback.
type visit struct {
	p       *Passport
	address string
	frame   dom.Value
	begun   time.Time
	err     error // it could not begin

	said    chan passport.Outcome // the first counts
	blocked chan error
	loaded  chan struct{}
	stops   []func()
}

// newVisit begins a visit at once. The caller must call wait.
func (p *Passport) newVisit(address string) *visit {
	v := &visit{
		p:       p,
		address: address,
		begun:   time.Now(),
		said:    make(chan passport.Outcome, 1),
		blocked: make(chan error, 1),
		loaded:  make(chan struct{}, 1),
	}
	switch {
	case noNetwork():
		v.err = ErrOffline
		return v
	case window.Get("crossOriginIsolated").True():
		v.err = ErrIsolated
		return v
	}
	document := window.Get("document")
	v.frame = document.CallOwn("Document", "createElement", "iframe")
	v.listen(document)
	// Not in the body, which some programs replace.
	_ = v.frame.Get("style").Set("cssText", "display:none!important")
	_ = v.frame.Set("src", address)
	if err := document.Own("Document", "documentElement").Call("append", v.frame).Err(); err != nil {
		v.err = fmt.Errorf("browser: there is no place for the iframe of a silent logout: %w", err)
	}
	return v
}

func (v *visit) listen(document dom.Value) {
	v.stops = append(v.stops,
		dom.Listen(window, "message", func(e dom.Value) {
			if outcome, ours := v.p.outcomeIn(e, v.frame); ours {
				offer(v.said, outcome)
			}
		}),
		dom.Listen(document, "securitypolicyviolation", func(e dom.Value) {
			if v.p.forbids(e, v.address) {
				offer(v.blocked, ErrBlocked)
			}
		}),
		dom.Listen(v.frame, "load", func(dom.Value) { offer(v.loaded, struct{}{}) }),
		v.observeIsolation(),
	)
}

// observeIsolation listens for the browser's report that the page's
// Cross-Origin-Embedder-Policy forbids the iframe. Not all browsers send one.
func (v *visit) observeIsolation() (stop func()) {
	report := dom.FuncOf(func(args []dom.Value) {
		for _, r := range args[0].Items() {
			if r.Get("type").Text() == "coep" && r.Get("body", "disposition").Text() != "reporting" {
				offer(v.blocked, ErrIsolated)
			}
		}
	})
	observer := window.Get("ReportingObserver").New(report.Value(), map[string]any{"types": []any{"coep"}})
	observer.Call("observe")
	return func() {
		observer.Call("disconnect")
		report.Release()
	}
}

// end stops listening, and has the iframe removed after the caller has gone on: that
// takes the browser a while.
func (v *visit) end() {
	if remove := v.frame.Get("remove").Call("bind", v.frame); remove.IsFunction() {
		window.Call("setTimeout", remove)
	}
	for _, stop := range v.stops {
		stop()
	}
}

// wait waits for the callback's message, and returns what is then known about the
// Passport session: done or unconfirmed.
func (v *visit) wait(ctx context.Context) (passport.Outcome, error) {
	defer v.end()
	if v.err != nil {
		return "", v.err
	}
	timeout := time.After(v.p.c.SilentTimeout - time.Since(v.begun))
	var grace <-chan time.Time
	for {
		select {
		case outcome := <-v.said:
			return outcome, nil
		case err := <-v.blocked:
			return "", err
		case <-v.loaded:
			grace = nil
			if v.p.isOwnOrigin() && !v.p.reached(v.frame) {
				grace = time.After(max(leastGrace, time.Since(v.begun)))
			}
		case <-grace:
			return "", ErrRefused
		case <-timeout:
			return v.last()
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// last is for a wait that began after the time-out.
func (v *visit) last() (passport.Outcome, error) {
	select {
	case outcome := <-v.said:
		return outcome, nil
	default:
		return "", ErrTimeout
	}
}

// offer sends v if there is room. It never blocks, so event handlers may call it.
func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

// outcomeIn reads the callback's message, in the JavaScript SDK's format. It must come
// from the exact origin and from the iframe's window.
func (p *Passport) outcomeIn(e, frame dom.Value) (passport.Outcome, bool) {
	data := e.Get("data")
	if !e.Get("isTrusted").True() || e.Get("origin").Text() != p.callback ||
		!e.Get("source").Is(frame.Get("contentWindow")) ||
		data.Get("source").Text() != messageSource {
		return "", false
	}
	// In another page's frame, even the auth domain's own page is third-party.
	if atTop() && (p.sameHost || data.Get("passport").Text() == "done") {
		return passport.OutcomeDone, true
	}
	return passport.OutcomeUnconfirmed, true
}

// messageSource is the source in the JavaScript SDK's messages.
const messageSource = "oidc-client"

// forbids reports whether a violation of a Content-Security-Policy is about the iframe,
// which the browser then does not load.
func (p *Passport) forbids(e dom.Value, address string) bool {
	uri := e.Get("blockedURI").Text()
	return e.Get("isTrusted").True() && e.Get("disposition").Text() == "enforce" &&
		e.Get("effectiveDirective").Text() == "frame-src" && uri != "" &&
		(strings.HasPrefix(address, uri) || uri == p.callback)
}

// isOwnOrigin reports whether the callback is on this page's origin. On another origin
// it cannot be told from any other page.
func (p *Passport) isOwnOrigin() bool {
	return location("origin") == p.callback
}

// reached reports whether the iframe shows a page of this page's origin: the callback,
// which may then take its time.
func (p *Passport) reached(frame dom.Value) bool {
	return frame.Get("contentDocument", "location", "origin").Text() == p.callback // empty for another origin
}
