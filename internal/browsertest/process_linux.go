package browsertest

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel end a program when the tests die, and makes it the
// head of a group.
func endWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

func endGroup(command *exec.Cmd) { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
