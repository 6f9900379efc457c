//go:build unix

package native

import (
	"errors"
	"syscall"
)

// apart keeps a browser from the Ctrl-C that ends the program.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// taken reports whether a port could not be opened because another has it.
func taken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
