package browser

import (
	"net/url"

	"github.com/passport-go/passport/internal/dom"
)

// window is the page's window object.
var window = dom.Window()

// location returns one part of the page's address.
func location(part string) string { return window.Get("location", part).Text() }

// assign navigates the page to an address. It returns before the page is gone.
func assign(address string) error {
	return window.Get("location").Call("assign", address).Err()
}

// query returns the query of the page's address.
func query() url.Values {
	u, err := url.Parse(location("href"))
	if err != nil {
		return url.Values{}
	}
	return u.Query()
}

// tidy removes parameters from the page's address, where the user and the next page
// could see them.
func tidy(names ...string) error {
	address := window.Get("URL").New(location("href"))
	for _, name := range names {
		address.Get("searchParams").Call("delete", name)
	}
	history := window.Get("history")
	return history.Call("replaceState", history.Get("state"), "", address.Get("href")).Err()
}

// atTop reports whether the page is at top level. In another page's frame, the browser
// may treat what it loads as third-party.
func atTop() bool { return window.Get("top").Is(window.Get("self")) }
