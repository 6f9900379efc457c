package main

import (
	"errors"
	"syscall/js"

	"github.com/passport-go/passport"
)

func element(id string) js.Value {
	return js.Global().Get("document").Call("getElementById", id)
}

func write(id, text string) { element(id).Set("textContent", text) }

func hide(id string, hidden bool) { element(id).Set("hidden", hidden) }

// show shows one of the parts of the page that take turns.
func show(part string) {
	parts := js.Global().Get("document").Call("querySelectorAll", "[data-show]")
	for i := range parts.Length() {
		one := parts.Index(i)
		one.Set("hidden", one.Get("dataset").Get("show").String() != part)
	}
}

// fail shows an error, which has no secrets in it.
func fail(err error) {
	text := err.Error()
	var refused *passport.ProviderError
	if errors.As(err, &refused) && refused.Code == "access_denied" {
		text = "The sign-in was cancelled. You can try again whenever you like."
	}
	write("error", text)
	hide("error", false)
}

// on has do called, in a goroutine of its own since it may wait for the browser,
// with each event of an element, for as long as the page lives.
func on(id, event string, do func() error) {
	element(id).Call("addEventListener", event, js.FuncOf(func(_ js.Value, args []js.Value) any {
		args[0].Call("preventDefault")
		go func() {
			if err := do(); err != nil {
				fail(err)
			}
		}()
		return nil
	}))
}
