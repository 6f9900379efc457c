package redistest

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel end the server when its parent dies.
func endWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
