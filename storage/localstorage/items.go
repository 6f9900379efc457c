package localstorage

import (
	"errors"

	"github.com/passport-go/passport/internal/dom"
)

// localStorage implements items. The object is asked for each time, for the user
// may forbid it, or allow it again, while the page lives.
type localStorage struct{}

func (localStorage) object() (dom.Value, error) {
	object := dom.Window().Get("localStorage")
	if err := object.Err(); err != nil {
		return object, explain(err)
	}
	if !object.IsObject() {
		return object, errors.New("storage/localstorage: there is no localStorage here: run the program in a page, not in a worker")
	}
	return object, nil
}

func (l localStorage) call(method string, args ...any) (dom.Value, error) {
	object, err := l.object()
	if err != nil {
		return object, err
	}
	result := object.Call(method, args...)
	return result, explain(result.Err())
}

func (l localStorage) get(name string) (string, error) {
	value, err := l.call("getItem", name)
	return value.Text(), err
}

func (l localStorage) set(name, value string) error {
	_, err := l.call("setItem", name, value)
	return err
}

func (l localStorage) remove(name string) error {
	_, err := l.call("removeItem", name)
	return err
}

func (l localStorage) names() ([]string, error) {
	object, err := l.object()
	if err != nil {
		return nil, err
	}
	keys := dom.Window().Get("Object").Call("keys", object)
	if err := keys.Err(); err != nil {
		return nil, explain(err)
	}
	var names []string
	for _, key := range keys.Items() {
		names = append(names, key.Text())
	}
	return names, nil
}
