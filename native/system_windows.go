package native

import (
	"errors"
	"syscall"
)

// noConsole (CREATE_NO_WINDOW) keeps a command from opening a console. HideWindow
// would do so too, but rundll32 hands that down, and a browser that it starts
// would then stay hidden.
const noConsole = 0x08000000

// apart keeps a browser from the Ctrl-C that ends the program.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | noConsole}
}

// What Winsock says of a port that another has: WSAEADDRINUSE, or WSAEACCES if it
// is not to be shared.
const (
	errorInUse  = syscall.Errno(10048)
	errorAccess = syscall.Errno(10013)
)

// taken reports whether a port could not be opened because another has it.
func taken(err error) bool { return errors.Is(err, errorInUse) || errors.Is(err, errorAccess) }
