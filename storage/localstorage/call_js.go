package localstorage

import (
	"errors"
	"fmt"
	"syscall/js"

	"github.com/passport-go/passport/storage"
)

// call calls a method, and returns what it throws.
func call(v js.Value, method string, args ...any) (result js.Value, err error) {
	defer catch(&err)
	return v.Call(method, args...), nil
}

// get reads a property whose getter may throw, as js.Value.Get must not.
func get(v js.Value, property string) (js.Value, error) {
	return call(js.Global().Get("Reflect"), "get", v, property)
}

func catch(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case js.Error:
		*err = exception(thrown.Value)
	default:
		panic(thrown)
	}
}

// exception is the error for a DOMException, or for nothing. Its message is the
// browser's own, and does not quote what was to be stored.
func exception(thrown js.Value) error {
	if thrown.Type() != js.TypeObject {
		return errors.New("storage/localstorage: the browser gave no reason")
	}
	name, message := thrown.Get("name").String(), thrown.Get("message").String()
	switch name {
	case "QuotaExceededError":
		return fmt.Errorf("storage/localstorage: %w: the pages of the origin have used up its room, remove what they do not need (%s)", storage.ErrFull, message)
	case "SecurityError":
		return fmt.Errorf("storage/localstorage: the browser forbids storage here: allow cookies and site data for the site and, in an iframe with a sandbox, allow-same-origin (%s)", message)
	default:
		return fmt.Errorf("storage/localstorage: %s: %s", name, message)
	}
}

// handlers are functions that the browser calls, until they are released.
type handlers []js.Func

func (h *handlers) on(target js.Value, event string, do func()) {
	f := js.FuncOf(func(js.Value, []js.Value) any {
		do()
		return nil
	})
	*h = append(*h, f)
	target.Set("on"+event, f)
}

func (h handlers) release() {
	for _, f := range h {
		f.Release()
	}
}
