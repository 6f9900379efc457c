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
	var value string
	err := call(func() (err error) {
		value, err = keyring.Get(string(service), name)
		return err
	})
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	return value, wrap(err)
}

func (service systemItems) set(name, value string) error {
	return wrap(call(func() error { return keyring.Set(string(service), name, value) }))
}

func (service systemItems) delete(name string) error {
	err := call(func() error { return keyring.Delete(string(service), name) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return wrap(err)
}

var errPanicked = errors.New("the connection to it broke off")

// call calls the library, which panics if the D-Bus session ends while it waits for the
// user to unlock the keyring. A panic in a goroutine of ours would end the program.
func call(library func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	return library()
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage/keyring: the keyring of the system cannot be used (%w): unlock it, or use storage/file where there is none", err)
}
