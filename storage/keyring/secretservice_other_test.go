//go:build !linux

package keyring_test

import "errors"

func startKeyring() (stop func(), err error) {
	return nil, errors.New("only that of Linux can be started for a test")
}

var children map[string]func() error
