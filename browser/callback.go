package browser

import (
	"context"
	"errors"
	"fmt"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/dom"
)

// LogoutSilentCallback is for the page at Config.LogoutRedirectURI in silent mode.
// In the hidden iframe it tells the parent page that the logout is complete, also
// for the JavaScript SDK; the message goes only to the origin of parentURL. At top
// level, after the fallback of a failed silent logout, it navigates to parentURL.
//
// parentURL is an absolute http or https URL, and may be on another origin than the
// page. LogoutSilentCallback needs neither storage nor a Passport, and works in any
// frame. But the browser has to load the whole program into the iframe: a page with
// a few lines of JavaScript, or the one from LogoutSilentCallback of package
// passport, is much faster.
//
// On platforms other than js/wasm the error wraps errors.ErrUnsupported.
func LogoutSilentCallback(parentURL string) error {
	if window.Err() != nil {
		return noBrowser("LogoutSilentCallback")
	}
	parent := window.Get("URL").New(parentURL)
	if !isHTTP(parent) {
		return errors.New("browser: LogoutSilentCallback: parentURL is not an absolute http or https URL")
	}
	if !atParent() {
		return complete(window.Get("parent"), parent)
	}
	if (isLogoutReturn(query(), true) || isLogoutPopup()) && handOver(context.Background()) != nil { // the provider may have been discovered
		return nil
	}
	if guard := query().Get(authdomain.ReturnParam); guard != "" { // for New on that page
		parent.Get("searchParams").Call("set", authdomain.ReturnParam, guard)
	}
	if err := window.Get("location").Call("replace", parent.Get("href")).Err(); err != nil {
		return fmt.Errorf("browser: LogoutSilentCallback: the page cannot navigate to parentURL: %w", err)
	}
	return nil
}

func atParent() bool { return window.Get("parent").Is(window.Get("self")) }

func isHTTP(address dom.Value) bool {
	scheme := address.Get("protocol").Text()
	return scheme == "http:" || scheme == "https:"
}

// complete posts the message. Its URL has no query, because the JavaScript SDK reads
// error and state in one as a response of the auth domain.
func complete(around, parent dom.Value) error {
	origin := parent.Get("origin").Text()
	message := map[string]any{
		"source":   messageSource,
		"url":      origin + parent.Get("pathname").Text(),
		"keepOpen": false,
	}
	if err := around.Call("postMessage", message, origin).Err(); err != nil {
		return fmt.Errorf("browser: LogoutSilentCallback: the message could not be sent: %w", err)
	}
	return nil
}
