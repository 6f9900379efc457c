package keyring

import (
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"
)

// items gives access to the items of one program in a keyring.
type items interface {
	// get returns an item, or "" if there is none.
	get(name string) (string, error)
	set(name, value string) error
	// delete deletes an item. It returns nil if there is none.
	delete(name string) error
}

// systemItems are the items under a service name in the system's keyring.
type systemItems string

func (service systemItems) get(name string) (string, error) {
	value, err := keyring.Get(string(service), name)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	return value, wrap(err)
}

func (service systemItems) set(name, value string) error {
	return wrap(keyring.Set(string(service), name, value))
}

func (service systemItems) delete(name string) error {
	err := keyring.Delete(string(service), name)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return wrap(err)
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage/keyring: the keyring of the system cannot be used (%w): unlock it, or use storage/file where there is none", err)
}
