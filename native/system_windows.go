package native

import (
	"errors"
	"syscall"
)

// apart keeps a browser from the Ctrl-C that ends the program.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
}

// What Winsock says of a port that another has: WSAEADDRINUSE, or WSAEACCES if it
// is not to be shared.
const (
	errorInUse  = syscall.Errno(10048)
	errorAccess = syscall.Errno(10013)
)

// taken reports whether a port could not be opened because another has it.
func taken(err error) bool { return errors.Is(err, errorInUse) || errors.Is(err, errorAccess) }
