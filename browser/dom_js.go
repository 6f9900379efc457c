package browser

import (
	"errors"
	"net/url"
	"syscall/js"
)

// attempt calls f, and returns what a script throws in it: the name of the
// exception alone, for its message may quote an address with what is in it.
func attempt(f func()) (err error) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case js.Error:
			err = errors.New("the browser refuses: " + thrown.Value.Get("name").String())
		default:
			panic(thrown)
		}
	}()
	f()
	return nil
}

// listen has do called, on the browser's own goroutine, with each event until
// stop is called.
func listen(target js.Value, event string, do func(event js.Value)) (stop func()) {
	f := js.FuncOf(func(_ js.Value, args []js.Value) any {
		do(args[0])
		return nil
	})
	target.Call("addEventListener", event, f)
	return func() {
		target.Call("removeEventListener", event, f)
		f.Release()
	}
}

// text is v if it is a string, and else nothing.
func text(v js.Value) string {
	if v.Type() != js.TypeString {
		return ""
	}
	return v.String()
}

// assign leaves the page for an address. It returns before the page is gone.
func assign(address string) error {
	return attempt(func() { window.Get("location").Call("assign", address) })
}

// query is that of the page's address.
func query() url.Values {
	u, err := url.Parse(window.Get("location").Get("href").String())
	if err != nil {
		return url.Values{}
	}
	return u.Query()
}

// tidy takes parameters out of the page's address, where the user, and whatever
// page comes next, could see them.
func tidy(names ...string) error {
	return attempt(func() {
		address := window.Get("URL").New(window.Get("location").Get("href"))
		for _, name := range names {
			address.Get("searchParams").Call("delete", name)
		}
		history := window.Get("history")
		history.Call("replaceState", history.Get("state"), "", address.Get("href"))
	})
}
