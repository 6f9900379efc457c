package browser

import (
	"errors"
	"fmt"
	"syscall/js"

	"github.com/passport-go/passport/internal/authdomain"
)

// LogoutSilentCallback is for the page at Config.LogoutRedirectURI in silent
// mode. In the hidden iframe it tells the page around it that the logout is
// complete, the JavaScript SDK's too; the message goes to the origin of parentURL
// and to no other. At top level, where a silent logout that did not come through
// has fallen back to, it goes on to parentURL.
//
// parentURL is absolute, http or https, and may be on another origin than the
// page. It needs neither storage nor a Passport, and works in any frame. The
// browser has to load the whole program into the iframe for it: a page with a
// few lines of JavaScript, or one from LogoutSilentCallback of package passport,
// is much quicker.
func LogoutSilentCallback(parentURL string) error {
	var parent js.Value
	if attempt(func() { parent = window.Get("URL").New(parentURL) }) != nil || !isHTTP(parent) {
		return errors.New("browser: LogoutSilentCallback: parentURL is not an absolute http or https URL")
	}
	if around := window.Get("parent"); !around.Equal(window.Get("self")) {
		return complete(around, parent)
	}
	if guard := query().Get(authdomain.ReturnParam); guard != "" { // for New on that page
		parent.Get("searchParams").Call("set", authdomain.ReturnParam, guard)
	}
	err := attempt(func() { window.Get("location").Call("replace", parent.Get("href")) })
	if err != nil {
		return fmt.Errorf("browser: LogoutSilentCallback: the page cannot be left for parentURL: %w", err)
	}
	return nil
}

func isHTTP(address js.Value) bool {
	scheme := address.Get("protocol").String()
	return scheme == "http:" || scheme == "https:"
}

// complete posts the message. The JavaScript SDK takes error and state in a query
// for an answer of the auth domain, so the address goes without one.
func complete(around, parent js.Value) error {
	origin := parent.Get("origin").String()
	message := map[string]any{
		"source":   messageSource,
		"url":      origin + parent.Get("pathname").String(),
		"keepOpen": false,
	}
	err := attempt(func() { around.Call("postMessage", message, origin) })
	if err != nil {
		return fmt.Errorf("browser: LogoutSilentCallback: the message could not be sent: %w", err)
	}
	return nil
}
