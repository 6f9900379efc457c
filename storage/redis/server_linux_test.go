package redis

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the server should the test end without its
// cleanup, as after a panic.
func dieWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
