//go:build unix

package file

import (
	"errors"
	"syscall"
)

// isBusy is replaced by a test. NFS says that of a file that another machine has replaced
// meanwhile; opening it once more finds the new one.
var isBusy = func(err error) bool { return errors.Is(err, syscall.ESTALE) }
