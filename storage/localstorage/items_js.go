package localstorage

import (
	"errors"
	"syscall/js"
)

// localStorage implements items.
type localStorage struct{ object js.Value }

func openLocalStorage() (localStorage, error) {
	object, err := get(js.Global(), "localStorage")
	if err != nil {
		return localStorage{}, err
	}
	if object.Type() != js.TypeObject {
		return localStorage{}, errors.New("storage/localstorage: there is no localStorage here: run the program in a page, not in a worker")
	}
	return localStorage{object}, nil
}

func (l localStorage) get(name string) (string, error) {
	value, err := call(l.object, "getItem", name)
	if err != nil || value.IsNull() {
		return "", err
	}
	return value.String(), nil
}

func (l localStorage) set(name, value string) error {
	_, err := call(l.object, "setItem", name, value)
	return err
}

func (l localStorage) remove(name string) error {
	_, err := call(l.object, "removeItem", name)
	return err
}

func (l localStorage) names() ([]string, error) {
	keys, err := call(js.Global().Get("Object"), "keys", l.object)
	if err != nil {
		return nil, err
	}
	names := make([]string, keys.Length())
	for i := range names {
		names[i] = keys.Index(i).String()
	}
	return names, nil
}
