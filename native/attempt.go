package native

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/passport-go/passport"
)

// beginAgainAfter is when the URL of a login is too old to send a browser to: a
// provider may keep a pushed request for a few seconds only (RFC 9126 §2.2), and a user
// may copy the URL of the first page from a terminal.
const beginAgainAfter = 15 * time.Second

// attempt is a login for which the browser is yet to be opened, or to come back.
type attempt struct {
	// begin begins a login of a browser, and has current know of it.
	begin func(context.Context, passport.BrowserState) (string, passport.BrowserState, error)
	now   func() time.Time
	path  string // where the browser comes back

	turn sync.Mutex // of those that begin

	mu    sync.Mutex
	url   string
	state passport.BrowserState
	begun time.Time
}

// start begins the login of a browser.
func (a *attempt) start(ctx context.Context, b passport.BrowserState) error {
	begun := a.now()
	url, state, err := a.begin(ctx, b)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.url, a.state, a.begun = url, state, begun
	return nil
}

// address returns the URL to send the browser to. It begins the login anew if the URL
// is old, once for all who ask meanwhile. If that fails, the old one may still be good.
func (a *attempt) address(ctx context.Context) string {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.isOld() {
		_ = a.start(ctx, a.browserState())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.url
}

// isOld goes by the wall clock: the other one stands still while the machine sleeps. A
// clock that has been put back says nothing.
func (a *attempt) isOld() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	age := a.now().Round(0).Sub(a.begun.Round(0))
	return age < 0 || age > beginAgainAfter
}

// browserState is that of the login, once it has been started.
func (a *attempt) browserState() passport.BrowserState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// isReturn matches the requests by which the browser comes back.
func (a *attempt) isReturn(r *http.Request) bool {
	return r.URL.Path == a.path && a.browserState().IsLoginReturn(r.URL.Query())
}
