package passport

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/web"
)

const (
	// silentLoginPause is how long a browser is not sent to the provider again.
	silentLoginPause = 10 * time.Minute

	looked = "1" // what the cookie says
)

// SilentLogin signs visitors in who are signed in at the provider already, in
// another program of yours, say. A navigation without a session goes there once,
// with prompt=none, so that nobody is asked anything, and comes back to the page
// that it was for, signed in or not. After that the browser is left alone for ten
// minutes, so that this never loops. Every other request is passed on: of browsers
// that do not send Fetch Metadata, and of programs; and after a logout that is
// unfinished, so that nobody is signed straight back in.
//
// The visitor leaves the page for a moment, and sees an error page of the browser's
// if the provider is out of reach. One whose browser keeps no cookies gets the page
// for a login that is no longer valid, once in ten minutes. It works inside
// [Passport.Handler] or by itself.
func (p *Passport) SilentLogin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.mayLook(r) {
			next.ServeHTTP(w, r)
			return
		}
		before := p.BrowserState(r)
		address, after, err := p.BeginLogin(r.Context(), before, LoginOptions{Prompt: "none", ReturnTo: p.http.requested(r)})
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		p.SetBrowserState(w, before, after)
		p.http.Set(w, p.http.looked, looked, silentLoginPause)
		web.NoStore(w)
		http.Redirect(w, r, address, http.StatusSeeOther)
	})
}

// mayLook reports whether a request is the loading of a page by a visitor who is
// not signed in, and who has not been sent to the provider lately.
func (p *Passport) mayLook(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Dest") == "document" && web.IsNavigation(r) &&
		!web.IsPrefetch(r) && !p.http.isOwn(r) && p.http.Get(r, p.http.looked, len(looked)) == "" && !p.isSignedIn(r)
}

// endsSilently reports whether a login that failed must go on to the page where it
// began: SilentLogin has looked, and found nobody signed in.
func (p *Passport) endsSilently(r *http.Request, in LoginResult, err error) bool {
	var refused *ProviderError
	return in.ReturnTo != "" && p.http.Get(r, p.http.looked, len(looked)) != "" &&
		errors.As(err, &refused) && refused.Status == 0 && strings.HasSuffix(refused.Code, "_required")
}
