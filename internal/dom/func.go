package dom

import "github.com/passport-go/passport/internal/js"

// Func is a function that the browser may call until it is released.
type Func struct{ f js.Func }

// FuncOf wraps do, which is called on the browser's own goroutine and must not
// wait.
func FuncOf(do func(args []Value)) Func {
	return Func{js.FuncOf(func(_ js.Value, args []js.Value) any {
		wrapped := make([]Value, len(args))
		for i, arg := range args {
			wrapped[i] = Value{v: arg}
		}
		do(wrapped)
		return nil
	})}
}

// Value is the function as an argument or a property.
func (f Func) Value() Value { return Value{v: f.f.Value} }

// Release frees the function, which must not be called any more.
func (f Func) Release() { f.f.Release() }

// Listen has do called, on the browser's own goroutine, with each event until
// stop is called.
func Listen(target Value, event string, do func(event Value)) (stop func()) {
	f := FuncOf(func(args []Value) { do(args[0]) })
	listener := func(method string) {
		if target.CallOwn("EventTarget", method, event, f.Value()).err != nil { // a polyfill's, which is an object like any other
			target.Call(method, event, f.Value())
		}
	}
	listener("addEventListener")
	return func() {
		listener("removeEventListener")
		f.Release()
	}
}
