package dom

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/passport-go/passport/internal/js"
)

// Value is a JavaScript value, or the reason why there is none.
type Value struct {
	v   js.Value
	err error
}

// Window is the global object. On other platforms than js/wasm there is none, and
// its error is errors.ErrUnsupported.
func Window() Value {
	if !js.Available {
		return Value{err: errors.ErrUnsupported}
	}
	return Value{v: js.Global()}
}

// Err is why there is no value, or nil.
func (v Value) Err() error { return v.err }

// Get reads a property, and that one's property, and so on.
func (v Value) Get(names ...string) Value {
	for _, name := range names {
		if v.err != nil {
			return v
		}
		v = invoke(functions.get, v.v, name)
	}
	return v
}

// Own reads a property as v has it from class, its interface, even if the page has another
// of that name: <img name=createElement> hides what document has of its own.
func (v Value) Own(class, name string) Value {
	prototype := Window().Get(class, "prototype")
	if v.err != nil || prototype.err != nil {
		return Value{err: cmp.Or(v.err, prototype.err)}
	}
	return invoke(functions.get, prototype.v, name, v.v)
}

// CallOwn calls such a method.
func (v Value) CallOwn(class, method string, args ...any) Value {
	f := v.Own(class, method)
	if f.err != nil {
		return f
	}
	return f.invokeOn(v, args)
}

// Set changes a property.
func (v Value) Set(name string, to any) error {
	if v.err != nil {
		return v.err
	}
	return invoke(functions.set, v.v, name, unwrap(to)).err
}

// Call calls a method.
func (v Value) Call(method string, args ...any) Value {
	f := v.Get(method)
	if f.err != nil {
		return f
	}
	return f.invokeOn(v, args)
}

// invokeOn calls f as a method of v. An argument that there is not is a failure of the call.
func (f Value) invokeOn(v Value, args []any) Value {
	for _, arg := range args {
		if arg, ok := arg.(Value); ok && arg.err != nil {
			return arg
		}
	}
	return invoke(functions.call, append([]any{f.v, v.v}, list(args)...)...)
}

// New calls v as a constructor.
func (v Value) New(args ...any) Value {
	if v.err != nil {
		return v
	}
	return invoke(functions.construct, v.v, list(args))
}

// Text is v if it is a string, and else empty.
func (v Value) Text() string {
	if v.err != nil || v.v.Type() != js.TypeString {
		return ""
	}
	return v.v.String()
}

// Number is v if it is a number, and else 0.
func (v Value) Number() float64 {
	if v.err != nil || v.v.Type() != js.TypeNumber {
		return 0
	}
	return v.v.Float()
}

// Items are the elements of an array.
func (v Value) Items() []Value {
	items := make([]Value, int(v.Get("length").Number()))
	for i := range items {
		items[i] = v.Get(strconv.Itoa(i))
	}
	return items
}

// True reports whether v counts as true in a condition.
func (v Value) True() bool { return v.err == nil && v.v.Truthy() }

// IsFalse reports whether v is false itself.
func (v Value) IsFalse() bool { return v.err == nil && v.v.Type() == js.TypeBoolean && !v.v.Truthy() }

// IsObject reports whether v is an object other than null and functions.
func (v Value) IsObject() bool { return v.err == nil && v.v.Type() == js.TypeObject }

// IsFunction reports whether v is a function.
func (v Value) IsFunction() bool { return v.err == nil && v.v.Type() == js.TypeFunction }

// Is reports whether v and w are one value.
func (v Value) Is(w Value) bool { return v.err == nil && w.err == nil && v.v.Equal(w.v) }

// functions are the browser's own, which throw only what they come upon. To look them
// up for each access would double its cost.
var functions = ownFunctions()

type browserFunctions struct {
	get, set, construct js.Value // of Reflect
	call                js.Value // takes a function, its this, and its arguments
}

func ownFunctions() (own browserFunctions) {
	if !js.Available {
		return own
	}
	reflect := js.Global().Get("Reflect")
	call := js.Global().Get("Function").Get("prototype").Get("call")
	return browserFunctions{reflect.Get("get"), reflect.Get("set"), reflect.Get("construct"), call.Call("bind", call)}
}

// invoke calls one of them.
func invoke(function js.Value, args ...any) (result Value) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case js.Error:
			result = Value{err: failure(thrown.Value)}
		default:
			panic(thrown)
		}
	}()
	return Value{v: function.Invoke(args...)}
}

func list(args []any) []any {
	unwrapped := make([]any, len(args))
	for i, arg := range args {
		unwrapped[i] = unwrap(arg)
	}
	return unwrapped
}

func unwrap(arg any) any {
	switch arg := arg.(type) {
	case Value:
		if arg.err != nil {
			return js.Undefined()
		}
		return arg.v
	case map[string]any:
		unwrapped := make(map[string]any, len(arg))
		for name, v := range arg {
			unwrapped[name] = unwrap(v)
		}
		return unwrapped
	case []any:
		return list(arg)
	default:
		return arg
	}
}
