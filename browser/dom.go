package browser

import (
	"net/url"

	"github.com/passport-go/passport/internal/dom"
)

// window is the page's.
var window = dom.Window()

// location reads one part of the page's address.
func location(part string) string { return window.Get("location", part).Text() }

// assign leaves the page for an address. It returns before the page is gone.
func assign(address string) error {
	return window.Get("location").Call("assign", address).Err()
}

// query is that of the page's address.
func query() url.Values {
	u, err := url.Parse(location("href"))
	if err != nil {
		return url.Values{}
	}
	return u.Query()
}

// tidy takes parameters out of the page's address, where the user, and whatever
// page comes next, could see them.
func tidy(names ...string) error {
	address := window.Get("URL").New(location("href"))
	for _, name := range names {
		address.Get("searchParams").Call("delete", name)
	}
	history := window.Get("history")
	return history.Call("replaceState", history.Get("state"), "", address.Get("href")).Err()
}

// atTop reports whether the page is not in another one's frame, where the
// browser may treat what it loads as a third party's.
func atTop() bool { return window.Get("top").Is(window.Get("self")) }
